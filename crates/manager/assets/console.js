"use strict";
// Live changes, keys and chosen rows. Every page can be read, and every form sent, without it.
(() => {
  const body = document.body;
  const root = document.documentElement;
  root.classList.add("scripted");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const counted = (element, name, n) => element.dataset[n === 1 ? "one" : "other"].replace("{n}", n);

  // Narrow screens begin with the navigation folded.
  if (matchMedia("(max-width: 700px)").matches) one("fold")?.removeAttribute("open");

  // ── chosen rows ──────────────────────────────────────────────────────────
  const picks = () => all(".pick");
  function showChosen() {
    for (const whole of all(".pick-all")) whole.hidden = false;
    const bar = document.querySelector(".bar");
    if (!bar) return;
    const chosen = picks().filter((pick) => pick.checked).length;
    bar.classList.toggle("idle", chosen === 0);
    if (chosen === 0) return;
    const words = bar.querySelector(".chosen");
    words.textContent = counted(words, "chosen", chosen);
    for (const button of all("button[data-one]", bar)) button.querySelector("span").textContent = counted(button, "do", chosen);
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches(".pick-all")) for (const pick of picks()) pick.checked = event.target.checked;
    if (event.target.matches(".pick, .pick-all")) showChosen();
  });
  document.addEventListener("htmx:afterSettle", showChosen);
  showChosen();

  // ── menus and texts to copy ──────────────────────────────────────────────
  document.addEventListener("click", (event) => {
    for (const menu of all(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    if (event.target.matches("[data-select-all]")) event.target.select();
  });
  for (const field of all("[data-select-all]")) field.select();

  // A button copies the text that it carries, or that of the element it names.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const text = button.dataset.copy ?? one(button.dataset.copyFrom).textContent;
    const sign = button.querySelector("[role=status]");
    try { await navigator.clipboard.writeText(text); } catch { return; }
    sign.textContent = button.dataset.copied;
    button.classList.add("done");
    setTimeout(() => { sign.textContent = ""; button.classList.remove("done"); }, 1500);
  });

  // ── keys ─────────────────────────────────────────────────────────────────
  const keys = one("keys");
  const keysButton = one("keys-button");
  if (keysButton) {
    keysButton.hidden = false;
    keysButton.addEventListener("click", () => keys.showModal());
  }
  const places = { o: "/", d: "/detections?triage=open", v: "/devices", n: "/network" };
  let going = 0;
  function step(by) {
    const links = all("tbody .first a");
    if (links.length === 0) return;
    const now = links.indexOf(document.activeElement);
    links[Math.min(links.length - 1, Math.max(0, now + by))].focus();
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      for (const menu of all(".menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=checkbox]), textarea, select")) return;
    if (Date.now() - going < 1500 && places[event.key]) { location.assign(places[event.key]); return; }
    going = event.key === "g" ? Date.now() : 0;
    if (event.key === "/") { event.preventDefault(); one("search").select(); one("search").focus(); }
    else if (event.key === "?") keys.showModal();
    else if (event.key === "j") step(1);
    else if (event.key === "k") step(-1);
    else if (event.key === "x") document.activeElement.closest("tr")?.querySelector(".pick")?.click();
  });

  // ── live changes ─────────────────────────────────────────────────────────
  // A change names what to read again. The page is read once more, and its live regions are
  // exchanged in place. Nothing moves under a hand: rows that are new wait behind a count unless
  // the reader is at the top with nothing chosen or focused.
  const sign = one("live");
  const interests = () => all("[data-changes]", one("page")).flatMap((region) => region.dataset.changes.split(" "));
  const busy = (region) => (document.activeElement !== region && region.contains(document.activeElement)) || region.querySelector(".pick:checked, details[open]") !== null
    || (!getSelection().isCollapsed && region.contains(getSelection().anchorNode));

  function exchange(region, fresh) {
    if (region.innerHTML === fresh.innerHTML) return;
    region.replaceChildren(...document.importNode(fresh, true).childNodes);
    if (window.htmx) htmx.process(region);
  }
  function mergeRows(region, fresh) {
    const added = [];
    for (const row of [...fresh.children]) {
      const known = row.id && one(row.id);
      if (!known) { row.classList.add("fresh"); added.push(row); continue; }
      if (!busy(known) && known.innerHTML !== row.innerHTML) known.innerHTML = row.innerHTML;
    }
    const atTop = scrollY < 120 && !busy(region);
    if (added.length === 0 || atTop) {
      if (!busy(region)) { exchange(region, fresh); one("news")?.remove(); }
      return;
    }
    let news = one("news");
    if (!news) {
      news = document.createElement("p");
      news.id = "news";
      news.className = "news";
      news.setAttribute("role", "status");
      news.append(document.createElement("button"));
      region.closest("table").before(news);
    }
    news.firstChild.type = "button";
    news.firstChild.textContent = (added.length === 1 ? body.dataset.saidFreshOne : body.dataset.saidFreshOther).replace("{n}", added.length);
    news.firstChild.onclick = () => { exchange(region, fresh); news.remove(); scrollTo({ top: 0 }); };
  }
  let reading = false, again = false, timer = 0;
  async function readAgain() {
    if (reading) { again = true; return; }
    reading = true;
    const answer = await fetch(location.href, { headers: { "Garrison-Live": "1" } }).catch(() => null);
    const text = answer?.ok ? await answer.text().catch(() => "") : "";
    reading = false;
    if (answer?.redirected && new URL(answer.url).pathname === "/sign-in") location.reload();
    else if (text) merge(new DOMParser().parseFromString(text, "text/html"));
    if (again) { again = false; soon(); }
  }
  function merge(page) {
    for (const region of all("[data-live][id]")) {
      const fresh = page.getElementById(region.id);
      if (!fresh || !region.isConnected) continue;
      if (region.tagName !== fresh.tagName) {
        // An empty view has become a full one, or a full one empty.
        const whole = one("list") && page.getElementById("list") ? "list" : "page";
        if (!busy(one(whole))) exchange(one(whole), page.getElementById(whole));
      } else if (region.dataset.live === "rows") mergeRows(region, fresh);
      else if (!busy(region)) exchange(region, fresh);
    }
  }
  function soon() { clearTimeout(timer); timer = setTimeout(readAgain, 250); }
  function state(live) {
    if (!sign) return;
    sign.hidden = false;
    sign.classList.toggle("lost", !live);
    sign.querySelector(".word").textContent = live ? sign.dataset.liveWord : sign.dataset.lostWord;
  }
  if (body.dataset.changes) {
    let was = false;
    const stream = new EventSource(body.dataset.changes);
    stream.onopen = () => { state(true); if (was) soon(); was = true; };
    stream.onerror = () => state(false);
    stream.addEventListener("change", (event) => {
      const change = JSON.parse(event.data);
      const wanted = interests();
      if (change.what === "all" || wanted.includes(change.what) || wanted.includes(`${change.what}:${change.id}`)) soon();
    });
    addEventListener("pagehide", () => stream.close());
    setInterval(() => { if (document.visibilityState === "visible" && interests().length) soon(); }, 30000);
  }
})();
