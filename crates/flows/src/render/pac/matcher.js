function FindProxyForURL(url, host) {
  var name = host.toLowerCase();
  if (name.charAt(0) === "[" && name.charAt(name.length - 1) === "]") {
    name = name.substring(1, name.length - 1);
  }
  if (name.charAt(name.length - 1) === ".") {
    name = name.substring(0, name.length - 1);
  }
  var port = portOf(url);
  for (var i = 0; i < DIRECT_HOSTS.length; i++) {
    var row = DIRECT_HOSTS[i];
    if (!covers(row[0], row[1], name)) {
      continue;
    }
    for (var j = 2; j + 1 < row.length; j += 2) {
      if (port >= row[j] && port <= row[j + 1]) {
        return "DIRECT";
      }
    }
  }
  return OTHERWISE;
}

function covers(kind, value, name) {
  if (kind === "is") {
    return name === value;
  }
  if (kind === "net") {
    return inNetwork(value, name);
  }
  if (kind === "all" && name === value) {
    return true;
  }
  var cut = name.length - value.length - 1;
  if (cut < 1 || name.substring(cut) !== "." + value) {
    return false;
  }
  return kind !== "one" || name.substring(0, cut).indexOf(".") < 0;
}

function portOf(url) {
  var scheme = url.substring(0, url.indexOf(":")).toLowerCase();
  var rest = url.substring(url.indexOf("//") + 2);
  var authority = rest.split(/[\/?#]/)[0];
  var colon = authority.lastIndexOf(":");
  if (colon > authority.lastIndexOf("]")) {
    var given = parseInt(authority.substring(colon + 1), 10);
    if (given > 0) {
      return given;
    }
  }
  if (scheme === "https" || scheme === "wss") {
    return 443;
  }
  return scheme === "ftp" ? 21 : 80;
}

function inNetwork(network, name) {
  var parts = network.split("/");
  var base = asNumber(parts[0]);
  var address = asNumber(name);
  if (base < 0 || address < 0) {
    return false;
  }
  var size = Math.pow(2, 32 - parseInt(parts[1], 10));
  return Math.floor(address / size) === Math.floor(base / size);
}

function asNumber(text) {
  if (!/^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(text)) {
    return -1;
  }
  var bytes = text.split(".");
  var number = 0;
  for (var i = 0; i < 4; i++) {
    var part = parseInt(bytes[i], 10);
    if (part > 255) {
      return -1;
    }
    number = number * 256 + part;
  }
  return number;
}
