// Judge for the engine: the same functions and script in V8. Reads {script, prelude, questions,
// addresses, now}, answers a list of texts; "!" where the script fails.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const order = JSON.parse(readFileSync(0, "utf8"));
const isV4 = (text) => /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split(".").every((part) => Number(part) < 256);
const host = {
  resolve: (name) => (isV4(name) ? name : (order.addresses[name.toLowerCase()] ?? [null])[0]),
  resolveAll: (name) => (order.addresses[name.toLowerCase()] ?? []).join(";"),
  my: () => "198.51.100.2",
  inNet: () => false,
  now: () => order.now,
  note: () => undefined,
};
const context = vm.createContext({ __host: host });
vm.runInContext(order.prelude, context, { timeout: 5000 });
vm.runInContext(order.script, context, { timeout: 5000 });
const answers = order.questions.map(({ url, host }) => {
  try {
    return String(context.FindProxyForURL(url, host));
  } catch {
    return "!";
  }
});
console.log(JSON.stringify(answers));
