// The functions that browsers give to PAC files, as Chromium's behave. `__host` holds what Rust
// answers: resolve(name) → text or null, my() → text, note(what).
"use strict";
(function (global, host) {
  const numbers = function (text) {
    const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(String(text));
    if (found === null) return null;
    const parts = found.slice(1).map(Number);
    return parts.every((part) => part <= 255) ? parts : null;
  };
  const looksLikeAddress = (text) => /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(String(text));
  const joined = (parts) => ((parts[0] << 24) | (parts[1] << 16) | (parts[2] << 8) | parts[3]) >>> 0;
  const RealDate = global.Date;
  const now = function () {
    host.note("clock");
    return new RealDate(host.now());
  };
  const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
  const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
  const isGmt = (words) => words.length > 0 && words[words.length - 1] === "GMT";

  // A script that asks the clock itself is told the same time.
  global.Date = new Proxy(RealDate, {
    construct: (target, words) => (words.length === 0 ? now() : new target(...words)),
    apply: () => now().toString(),
    get: (target, key) => (key === "now" ? () => now().getTime() : target[key]),
  });

  const functions = {
    isPlainHostName: (name) => !String(name).includes(".") && !String(name).includes(":"),
    dnsDomainIs: (name, domain) => {
      return name.length >= domain.length && name.substring(name.length - domain.length) == domain;
    },
    localHostOrDomainIs: (name, full) => name == full || full.lastIndexOf(name + ".", 0) == 0,
    isResolvable: (name) => host.resolve(String(name)) !== null,
    dnsResolve: (name) => host.resolve(String(name)),
    myIpAddress: () => host.my(),
    dnsDomainLevels: (name) => name.split(".").length - 1,
    convert_addr: (text) => {
      const bytes = String(text).split(".");
      return ((bytes[0] & 0xff) << 24) | ((bytes[1] & 0xff) << 16) | ((bytes[2] & 0xff) << 8) | (bytes[3] & 0xff);
    },
    isInNet: (name, pattern, mask) => {
      let address = name;
      if (!looksLikeAddress(name)) {
        address = host.resolve(String(name));
        if (address === null) return false;
      }
      const [own, net, bits] = [numbers(address), numbers(pattern), numbers(mask)];
      if (own === null || net === null || bits === null) return false;
      return ((joined(own) & joined(bits)) >>> 0) === ((joined(net) & joined(bits)) >>> 0);
    },
    shExpMatch: (text, pattern) => {
      const expression = String(pattern).replace(/\./g, "\\.").replace(/\*/g, ".*").replace(/\?/g, ".");
      return new RegExp("^" + expression + "$").test(text);
    },
    weekdayRange: (...words) => {
      const gmt = isGmt(words);
      const rest = gmt ? words.slice(0, -1) : words;
      const at = now();
      const today = gmt ? at.getUTCDay() : at.getDay();
      const first = DAYS.indexOf(rest[0]);
      const last = rest.length > 1 ? DAYS.indexOf(rest[1]) : first;
      if (first === -1 || last === -1) return false;
      return first <= last ? first <= today && today <= last : today >= first || today <= last;
    },
    timeRange: (...words) => {
      const gmt = isGmt(words);
      const rest = (gmt ? words.slice(0, -1) : words).map(Number);
      const at = now();
      const [hour, minute, second] = gmt
        ? [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
        : [at.getHours(), at.getMinutes(), at.getSeconds()];
      const here = hour * 3600 + minute * 60 + second;
      let first, last;
      if (rest.length === 1) return hour === rest[0];
      if (rest.length === 2) return rest[0] <= hour && hour <= rest[1];
      if (rest.length === 4) {
        first = rest[0] * 3600 + rest[1] * 60;
        last = rest[2] * 3600 + rest[3] * 60 + 59;
      } else if (rest.length === 6) {
        first = rest[0] * 3600 + rest[1] * 60 + rest[2];
        last = rest[3] * 3600 + rest[4] * 60 + rest[5];
      } else {
        throw new Error("timeRange: bad number of arguments");
      }
      return first <= last ? first <= here && here <= last : here >= first || here <= last;
    },
    dateRange: (...words) => {
      const gmt = isGmt(words);
      const rest = gmt ? words.slice(0, -1) : words;
      const at = now();
      const today = gmt
        ? [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()]
        : [at.getFullYear(), at.getMonth(), at.getDate()];
      // Year, month, day by what the word looks like.
      const place = (word) => (MONTHS.includes(word) ? 1 : Number(word) > 31 ? 0 : 2);
      const value = (word) => (MONTHS.includes(word) ? MONTHS.indexOf(word) : Number(word));
      const half = rest.length === 1 ? 1 : rest.length / 2;
      const [first, last] = [rest.slice(0, half), rest.slice(rest.length === 1 ? 0 : half)];
      const order = first.map((word, at) => [place(word), at]).sort((a, b) => a[0] - b[0]);
      const compare = (words) => {
        for (const [part, at] of order) {
          if (today[part] !== value(words[at])) return today[part] - value(words[at]);
        }
        return 0;
      };
      const inOrder = order.reduce((found, [, at]) => found || value(last[at]) - value(first[at]), 0) >= 0;
      return inOrder ? compare(first) >= 0 && compare(last) <= 0 : compare(first) >= 0 || compare(last) <= 0;
    },
    alert: () => undefined,
    isResolvableEx: (name) => host.resolveAll(String(name)) !== "",
    dnsResolveEx: (name) => host.resolveAll(String(name)),
    myIpAddressEx: () => host.my(),
    isInNetEx: (address, prefix) => host.inNet(String(address), String(prefix)),
    sortIpAddressList: (list) => String(list).split(";").map((one) => one.trim()).sort().join(";"),
    getClientVersion: () => "1.0",
  };
  for (const name of Object.keys(functions)) global[name] = functions[name];
})(globalThis, __host);
delete globalThis.__host;
