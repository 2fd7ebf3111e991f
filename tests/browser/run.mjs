// The console in a real browser: `garrison up` is started, a person signs in, has a file scanned,
// sees the detection appear without reloading, quarantines the file and restores it. Every page
// is opened at two widths and in both themes: no violation of the content security policy, no
// error, nothing that scrolls sideways, nothing that axe finds. Screenshots are build output.
//
//   GARRISON_BIN_DIR=target/debug node tests/browser/run.mjs
//
// Prints `PASS name`, `FAIL name: reason` and `SKIPPED: name: reason` lines. Whatever was started
// is stopped, at the latest after LIMIT_MS.

import { spawn } from "node:child_process";
import crypto from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import tls from "node:tls";
import { fileURLToPath } from "node:url";

const LIMIT_MS = 300_000;
const WAIT_MS = 30_000;
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../..");
const bin = path.resolve(process.env.GARRISON_BIN_DIR ?? path.join(root, "target/debug"));
const shots = path.resolve(process.env.GARRISON_SCREENSHOT_DIR ?? path.join(root, "build/screenshots"));
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";

const outcome = { passed: 0, failed: 0, skipped: 0 };
const pass = (name) => { outcome.passed += 1; console.log(`PASS ${name}`); };
const fail = (name, reason) => { outcome.failed += 1; console.log(`FAIL ${name}: ${String(reason).replaceAll("\n", " | ")}`); };
function skip(name, reason) {
  outcome.skipped += 1;
  const line = `SKIPPED: ${name}: ${reason}`;
  console.log(line);
  if (process.env.GARRISON_SKIP_LOG) fs.appendFileSync(process.env.GARRISON_SKIP_LOG, `${line}\n`);
}
async function check(name, body) {
  try { await body(); pass(name); return true; } catch (error) { fail(name, error?.message ?? error); return false; }
}
function expect(condition, message) { if (!condition) throw new Error(message); }
async function until(what, probe, limit = WAIT_MS) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

// ── what is started, and its end ───────────────────────────────────────────
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "garrison-browser-"));
const data = path.join(folder, "data");
let up, browser;
async function stop() {
  await browser?.close().catch(() => {});
  if (up && up.exitCode === null && up.signalCode === null) {
    const ended = new Promise((resolve) => up.once("exit", resolve));
    up.kill("SIGINT");
    const timer = setTimeout(() => up.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(timer);
  }
  fs.rmSync(folder, { recursive: true, force: true });
}
async function finish() {
  clearTimeout(limit);
  await stop();
  console.log(`browser: ${outcome.passed} passed, ${outcome.failed} failed, ${outcome.skipped} skipped`);
  process.exit(outcome.failed === 0 ? 0 : 1);
}
const limit = setTimeout(() => { fail("time", `the whole took longer than ${LIMIT_MS / 1000} s`); void finish(); }, LIMIT_MS);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => { fail("run", `stopped by ${signal}`); void finish(); });

/** The first value below `key` anywhere in an object. */
function find(object, key) {
  if (object === null || typeof object !== "object") return undefined;
  if (key in object) return object[key];
  for (const value of Object.values(object)) {
    const found = find(value, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Starts the whole system; gives the console's address and the first password. */
async function start() {
  const ready = path.join(folder, "ready.json");
  const log = fs.openSync(path.join(folder, "up.log"), "w");
  up = spawn(path.join(bin, "garrison"), ["up", "--data", data, "--ports", "auto", "--ready-file", ready], {
    stdio: ["ignore", log, log],
    env: { GARRISON_SOURCE_DIR: root, ...process.env },
  });
  up.on("error", () => {});
  const text = await until("garrison up is ready", () => {
    if (up.exitCode !== null) throw new Error(`garrison up ended with ${up.exitCode}: ${fs.readFileSync(path.join(folder, "up.log"), "utf8").slice(-600)}`);
    return fs.existsSync(ready) && fs.readFileSync(ready, "utf8");
  }, 120_000);
  const told = JSON.parse(text);
  const address = String(find(told, "console")).replace(/^https:\/\//, "").replace(/\/$/, "");
  const passwordFile = find(told, "first_password_file") ?? find(told, "password_file") ?? path.join(data, "manager/first-password");
  return { address, password: fs.readFileSync(passwordFile, "utf8").trim() };
}

/** Checks the console's certificate against the site's CA, and gives its key's pin for the browser. */
async function pin(address) {
  const [host, port] = address.split(":");
  const ca = fs.readFileSync(path.join(data, "manager/ca.pem"));
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host, port: Number(port), ca, servername: "", ALPNProtocols: ["http/1.1"] }, () => {
      const certificate = new crypto.X509Certificate(socket.getPeerCertificate().raw);
      const key = certificate.publicKey.export({ type: "spki", format: "der" });
      socket.end();
      resolve(crypto.createHash("sha256").update(key).digest("base64"));
    });
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer on the console's port")));
    socket.on("error", reject);
  });
}

/** A new browser context whose every error and policy violation is collected. */
async function context(options, troubles) {
  const made = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: "light", reducedMotion: "reduce", ...options });
  made.setDefaultTimeout(WAIT_MS);
  await made.addInitScript(() => addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`)));
  made.on("console", (message) => {
    // A page that is not there is opened on purpose.
    if (message.type() === "error" && !/status of 404/.test(message.text())) troubles.push(`${message.page()?.url()}: ${message.text()}`);
  });
  made.on("weberror", (error) => troubles.push(`${error.page()?.url()}: ${error.error().message}`));
  return made;
}

async function signIn(page, base, name, password) {
  await page.goto(`${base}/detections`);
  expect(new URL(page.url()).pathname === "/sign-in", `without a session ${page.url()} was shown`);
  await page.fill("#name", name);
  await page.fill("#password", password);
  await page.click("button.main");
  await page.waitForURL(`${base}/detections`);
}

// The test file of EICAR, put together here so that no scanner finds it in this file.
const eicar = ["X5O!P%@AP[4\\PZX54(P^)", "7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-", "FILE!$H+H*"].join("");

async function main() {
  const require = createRequire(import.meta.url);
  let playwright, axe;
  try {
    playwright = await import("playwright-core");
    axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  } catch (error) { skip("browser", `${error.message.split("\n")[0]}; run "npm ci" in tests/browser`); return; }
  if (!fs.existsSync(chromium)) { skip("browser", `${chromium} is missing; install Debian's package chromium`); return; }
  if (!fs.existsSync(path.join(bin, "garrison"))) { fail("start", `${bin}/garrison is missing; build it or set GARRISON_BIN_DIR`); return; }

  let address, password;
  if (!await check("garrison up starts and tells where it serves", async () => { ({ address, password } = await start()); })) return;
  const base = `https://${address}`;
  const key = await pin(address);
  browser = await playwright.chromium.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", `--ignore-certificate-errors-spki-list=${key}`],
  });
  const troubles = [];
  const desk = await context({}, troubles);
  const watcher = await desk.newPage();
  const actor = await desk.newPage();

  await check("a wrong password is refused", async () => {
    const stranger = await context({}, []);
    const page = await stranger.newPage();
    await page.goto(`${base}/sign-in`);
    await page.fill("#name", "admin");
    await page.fill("#password", "not the password");
    await page.click("button.main");
    await page.waitForSelector(".said.critical");
    await stranger.close();
  });
  if (!await check("sign-in leads to the page that was wanted", () => signIn(watcher, base, "admin", password))) return;

  const device = await until("the device is enrolled and connected", async () => {
    await actor.goto(`${base}/devices`);
    const link = actor.locator("#rows .first a").first();
    return (await link.count()) > 0 && link.getAttribute("href");
  }, 60_000);

  await check("the device gets its definitions", () => until("definitions", async () => {
    await actor.goto(`${base}${device}`);
    return /[0-9]/.test(await actor.locator("#device-facts a[href='/definitions']").innerText());
  }, 90_000));

  // The watcher waits at the list of detections; the actor has the file scanned.
  const victim = path.join(folder, "invoice & <b>notes.txt");
  fs.writeFileSync(victim, eicar, { mode: 0o640 });
  let detection;
  await check("a detection appears without reloading", async () => {
    await watcher.goto(`${base}/detections`);
    await watcher.waitForSelector("#live:not([hidden]):not(.lost)");
    await watcher.evaluate(() => { window.mark = "not reloaded"; });
    await actor.goto(`${base}${device}`);
    await actor.click("#scan-menu > summary");
    await actor.fill("#scan-path", victim);
    await actor.click("#scan-menu button.main");
    await actor.waitForSelector(".said.good");
    const link = watcher.locator("#rows .first a").first();
    await link.waitFor({ timeout: 60_000 });
    expect(await watcher.evaluate(() => window.mark) === "not reloaded", "the page was loaded anew");
    expect((await watcher.locator("#rows").innerText()).includes("invoice & <b>notes.txt"), "the path does not stand there as it is");
    detection = await link.getAttribute("href");
  });
  await check("the device's page shows detection and scan without reloading", async () => {
    await actor.waitForSelector("#device-detections tbody tr", { timeout: 60_000 });
    await actor.waitForSelector("#device-scans .badge.good", { timeout: 60_000 });
  });
  if (detection) {
    await check("the file is quarantined, and the page says so without reloading", async () => {
      await watcher.goto(`${base}${detection}`);
      await watcher.click("#file-actions form[action$='/quarantine'] button");
      await watcher.waitForSelector("#detection-facts .badge:has-text('Quarantined')", { timeout: 60_000 });
      expect(!fs.existsSync(victim), "the file is still in its place");
    });
    await check("the file is restored as it was", async () => {
      await watcher.click("#file-actions form[action$='/restore'] button");
      await watcher.waitForSelector("#detection-facts .badge:has-text('Restored')", { timeout: 60_000 });
      expect(fs.readFileSync(victim, "utf8") === eicar, "the content is another");
      expect((fs.statSync(victim).mode & 0o777) === 0o640, "the mode is another");
    });
    await check("a judgement is kept", async () => {
      await watcher.goto(`${base}${detection}`);
      await watcher.check("input[name=triage][value=expected]");
      await watcher.fill("#note", "A test file.");
      await watcher.click("section[aria-labelledby=judge] button.main");
      await watcher.waitForSelector(".said.good");
      expect(await watcher.inputValue("#note") === "A test file.", "the note is gone");
    });
  }
  await check("an enrolment token is shown once", async () => {
    await actor.goto(`${base}/enrolment`);
    if (await actor.locator("#name").isHidden()) await actor.click("summary.button:has(+ form)");
    await actor.fill("#name", "Browser test");
    await actor.click("form[action='/enrolment'] button.main");
    expect((await actor.inputValue("#token-text")).startsWith("garrison-enrol-1."), "no token text");
    await actor.goto(`${base}/enrolment`);
    expect(await actor.locator("#token-text").count() === 0, "the text is still shown");
  });
  await check("the keys / and ? work", async () => {
    await actor.goto(`${base}/network`);
    await actor.keyboard.press("/");
    expect(await actor.evaluate(() => document.activeElement?.id) === "search", "/ does not focus the search");
    await actor.keyboard.press("Escape");
    await actor.evaluate(() => document.activeElement?.blur());
    await actor.keyboard.press("?");
    await actor.waitForSelector("dialog[open]");
  });
  await check("a filter narrows the list in place and stands in the address", async () => {
    await actor.goto(`${base}/detections`);
    await actor.fill("#filter", "no-rule-has-this-name");
    await actor.waitForURL(/search=no-rule-has-this-name/);
    await actor.waitForSelector("#list .empty");
  });
  await check("flows are narrowed to a role, copied, and had as a file", async () => {
    await desk.grantPermissions(["clipboard-read", "clipboard-write"], { origin: base });
    await actor.goto(`${base}/network`);
    const rows = actor.locator("#flow-rows tr");
    const all = await rows.count();
    await actor.selectOption("select[name=role]", "agent");
    await actor.waitForURL(/role=agent/);
    await until("fewer flows", async () => await rows.count() < all);
    await actor.click("#flow-rows tr:has-text('agent-channel') .copy");
    const copied = await until("the clipboard", () => actor.evaluate(() => navigator.clipboard.readText()));
    expect(/^\S+ tcp \d+\n$/.test(copied), `copied: ${JSON.stringify(copied)}`);
    await actor.click("#hosts-menu > summary");
    await actor.fill("#host-agents", "198.51.100.0/24");
    await actor.click("#hosts-menu button.main");
    await actor.waitForURL(/agents=198\.51\.100\.0/);
    await actor.click(".shelves a[href*='/network/renderings/nftables?']");
    const text = await actor.innerText("#rendered");
    expect(text.includes("198.51.100.0/24") && !text.includes("console"), "the rules are not those of the filter");
    const [file] = await Promise.all([actor.waitForEvent("download"), actor.click("#list a.button.main")]);
    expect(file.suggestedFilename() === "garrison-agent-nftables.nft", file.suggestedFilename());
    expect(fs.readFileSync(await file.path(), "utf8") === await actor.locator("#rendered").evaluate((pre) => pre.textContent), "the file is another than the one shown");
  });
  await check("connections are a tab away, and each number leads to its devices", async () => {
    await actor.goto(`${base}/network`);
    await actor.click(".tabs a[href='/network/connections']");
    await actor.waitForSelector("#feature-list tbody tr");
    expect((await actor.innerText("#sentence")).length > 10, "the page does not say how the connections are");
    expect(await actor.locator("#feature-list tr:has-text('central management')").count() === 1, "a feature of the catalogue is missing");
    const part = actor.locator("#standing .legend a").first();
    const wanted = Number(await part.locator("b").innerText());
    await part.click();
    await actor.waitForURL(/\/network\/connections\/devices\?state=/);
    expect(await actor.locator("#rows tr").count() === wanted, `not ${wanted} devices`);
    await actor.goto(`${base}${device}`);
    await actor.waitForSelector("#connections-state .badge");
  });
  await check("devices are asked to check now, all of a site and one alone", async () => {
    const checked = () => actor.locator("#device-connections time").first().getAttribute("datetime");
    await actor.goto(`${base}${device}`);
    const before = await checked();
    await actor.goto(`${base}/network/connections`);
    await actor.click("#check-now button");
    await actor.waitForSelector(".said.good");
    expect((await actor.innerText(".said.good")).includes("1 device"), "the number of devices is not told");
    await actor.goto(`${base}${device}`);
    await actor.click("form[action$='/check-network'] button");
    await actor.waitForSelector(".said.good");
    await until("a later check, without reloading", async () => await checked() > before, 60_000);
  });
  await check("how often devices check their network is set in the policy", async () => {
    await actor.goto(`${base}/policies`);
    await actor.click("#rows .first a >> nth=0");
    const before = await actor.inputValue("#network-check");
    for (const minutes of ["0", before]) {
      await actor.fill("#network-check", minutes);
      await actor.click("form:has(#network-check) button.main");
      await actor.waitForSelector(".said.good");
      expect(await actor.inputValue("#network-check") === minutes, `not ${minutes}`);
    }
  });
  await check("hosts that are none are told, and the flows stay", async () => {
    await actor.goto(`${base}/network?agents=not%20a%20host`);
    await actor.waitForSelector("[role=alert]");
    expect(await actor.locator("#flow-rows tr").count() > 0, "the flows are gone");
  });
  await check("pages are read and forms are sent without script", async () => {
    const plain = await context({ javaScriptEnabled: false }, troubles);
    const page = await plain.newPage();
    await signIn(page, base, "admin", password);
    await page.goto(`${base}${device}`);
    await page.click("form[action$='/check-in'] button");
    expect(await page.locator(".said").count() === 1, "the check-in was not taken");
    await plain.close();
  });

  // ── every page, at two widths, in both themes ─────────────────────────────
  const policy = await (async () => { await actor.goto(`${base}/policies`); return actor.locator("#rows .first a").first().getAttribute("href"); })();
  const pages = { overview: "/", detections: "/detections", quarantine: "/quarantine", devices: "/devices", device, groups: "/groups", enrolment: "/enrolment", policies: "/policies", policy, definitions: "/definitions", network: "/network", connections: "/network/connections", "connections-none": "/network/connections?who=dns", "connection-devices": "/network/connections/devices?state=unknown", "network-none": "/network?role=resolver&perimeter=true", flow: "/network/flows/agent-channel?agents=198.51.100.0%2F24", rendering: "/network/renderings/nftables?agents=198.51.100.0%2F24", audit: "/audit", users: "/users", "api-tokens": "/api-tokens", search: "/search?q=garrison", revoke: `${device}/revoke`, "not-found": "/nowhere" };
  if (detection) pages.detection = detection;
  fs.mkdirSync(shots, { recursive: true });
  const state = await desk.storageState();
  for (const width of [1280, 390]) for (const colorScheme of ["light", "dark"]) {
    const view = await context({ viewport: { width, height: width === 390 ? 844 : 800 }, colorScheme, storageState: state }, troubles);
    const page = await view.newPage();
    for (const [name, place] of Object.entries(pages)) await check(`${name} at ${width} in ${colorScheme}`, () => inspect(page, axe, base + place, `${name}-${width}-${colorScheme}`));
    await view.close();
    const outside = await context({ viewport: { width, height: 800 }, colorScheme }, troubles);
    await check(`sign-in at ${width} in ${colorScheme}`, async () => inspect(await outside.newPage(), axe, `${base}/sign-in`, `sign-in-${width}-${colorScheme}`));
    await outside.close();
  }
  await check("no error and no violation of the content security policy", () => expect(troubles.length === 0, troubles.slice(0, 5).join("; ")));
  await check("signing out ends the session", async () => {
    await actor.goto(`${base}/`);
    await actor.click(".tools details.menu > summary");
    await actor.click("form[action='/sign-out'] button");
    await actor.waitForURL(/\/sign-in/);
    await actor.goto(`${base}/devices`);
    expect(new URL(actor.url()).pathname === "/sign-in", "the session goes on");
  });
}

async function inspect(page, axe, address, shot) {
  await page.goto(address, { waitUntil: "load" });
  const wide = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return null;
    return [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > width + 1).slice(0, 3).map((element) => element.outerHTML.slice(0, 80)).join(" ");
  });
  await page.screenshot({ path: path.join(shots, `${shot}.png`), fullPage: true });
  expect(wide === null, `it scrolls sideways: ${wide}`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document).then((result) => result.violations.map((one) => `${one.id}: ${one.nodes[0].html.slice(0, 120)}`)));
  expect(found.length === 0, found.join("; "));
}

main().catch((error) => fail("run", error?.stack ?? error)).finally(finish);
