// Keeps the page current, sends what a person presses, and knows a few keys. The
// server makes the pages; nothing here builds markup.
"use strict";
const main = document.getElementById("main");
const say = document.getElementById("say");
const $ = (id) => document.getElementById(id);
document.documentElement.classList.add("scripted"); // the token is asked for once, not in each form

// tell shows a line for a while; what went wrong stays until the next line.
let hush;
function tell(text, stays) {
  clearTimeout(hush);
  say.textContent = text;
  if (!stays) hush = setTimeout(() => { say.textContent = ""; }, 6000);
}

// connected says in words when the page may be old, and when it is current again.
let lost = 0;
function connected(yes) {
  const stale = $("stale");
  if (yes && lost) { lost = 0; stale.textContent = ""; }
  if (!yes && !lost) {
    lost = Date.now();
    stale.textContent = "Not connected since " + new Date(lost).toISOString().slice(11, 19) + " UTC: what you see may be old.";
  }
}

// refresh fetches the main part again and keeps what is open, typed and focused.
let busy = false, again = false;
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const query = new URLSearchParams(location.search);
    query.set("part", "main");
    const here = main.dataset.incident ? "/incidents/" + encodeURIComponent(main.dataset.incident) : location.pathname; // a form that was refused has an address of its own
    const res = await fetch(here + "?" + query, { cache: "no-store" });
    connected(res.ok);
    if (!res.ok) return;
    const html = await res.text();
    const was = news();
    const open = [...main.querySelectorAll("details[id]")].map((d) => [d.id, d.open]);
    const typed = [...main.querySelectorAll("input[id], select[id], textarea[id]")].map((i) => [i.id, i.value]);
    const focused = document.activeElement, within = focused && focused.tagName === "SUMMARY" ? focused.parentElement.id : "";
    const focus = focused && focused.id, at = focused && "selectionStart" in focused ? [focused.selectionStart, focused.selectionEnd] : null;
    main.innerHTML = html; // made and escaped by the server
    for (const [id, is] of open) { const d = $(id); if (d) d.open = is; }
    for (const [id, value] of typed) { const i = $(id); if (i) i.value = value; }
    const f = focus ? $(focus) : within && document.querySelector("#" + CSS.escape(within) + " > summary");
    if (f) {
      f.focus({ preventScroll: true });
      if (at && at[0] !== null && f.setSelectionRange) f.setSelectionRange(at[0], at[1]);
    }
    dress();
    if (was && news() !== was) $("changed").textContent = news();
  } catch { connected(false); } finally {
    busy = false;
    if (again) { again = false; refresh(); }
  }
}

// news is the line that a screen reader hears when it changes.
function news() {
  const e = $("news");
  return e ? e.textContent.replace(/\s+/g, " ").trim() : "";
}

// dress shows the reader's own zone on hover, keeps ages true, and takes the token's
// field out of forms that the script sends.
function dress() {
  for (const i of main.querySelectorAll(".token input")) i.disabled = true;
  for (const t of main.querySelectorAll("time")) t.title = new Date(t.dateTime).toLocaleString();
  for (const e of main.querySelectorAll("[data-since]")) {
    const s = Math.max(0, (Date.now() - Date.parse(e.dataset.since)) / 1000);
    const [n, unit] = s < 60 ? [s, "s"] : s < 7200 ? [s / 60, "min"] : s < 172800 ? [s / 3600, "h"] : [s / 86400, "d"];
    e.textContent = Math.floor(n) + " " + unit + " ago";
  }
}

// token asks for the API token once per tab.
function token() {
  const have = sessionStorage.getItem("holdfast-token");
  if (have) return Promise.resolve(have);
  const dialog = $("token"), field = $("token-value");
  return new Promise((resolve) => {
    dialog.returnValue = "";
    dialog.addEventListener("close", () => {
      const value = dialog.returnValue === "ok" ? field.value.trim() : "";
      field.value = "";
      if (value) sessionStorage.setItem("holdfast-token", value);
      resolve(value);
    }, { once: true });
    dialog.showModal();
  });
}

// press sends what a button stands for.
async function press(button) {
  let body = button.dataset.body;
  if (button.dataset.plan) body = JSON.stringify({ plan_sha256: button.dataset.plan });
  if (button.dataset.reason) {
    const field = $(button.dataset.reason), reason = field.value.trim();
    if (!reason) { tell("Write a reason first.", true); field.focus(); return; }
    body = JSON.stringify({ reason });
  }
  if (button.dataset.form) {
    const fields = [...$(button.dataset.form).querySelectorAll("[name]:enabled")];
    const missing = fields.find((f) => f.required && !f.value);
    if (missing) { tell("Choose first.", true); missing.focus(); return; }
    body = JSON.stringify(Object.fromEntries(fields.map((f) => [f.name, f.value.trim()]).filter(([, v]) => v)));
  }
  const value = await token();
  if (!value) return;
  button.disabled = true;
  tell("Sending…", true);
  try {
    const headers = { Authorization: "Bearer " + value };
    if (body) headers["Content-Type"] = "application/json";
    const res = await fetch(button.dataset.post, { method: "POST", headers, body });
    if (res.status === 401) sessionStorage.removeItem("holdfast-token");
    const answer = res.ok ? null : await res.json();
    if (res.ok) tell("Done.");
    else tell([answer.detail, answer.hint].filter(Boolean).join(": "), true);
  } catch (e) {
    tell("Not sent, the server does not answer.", true);
  }
  button.disabled = false;
  refresh();
}

main.addEventListener("submit", (e) => {
  const button = e.submitter;
  if (!button || !button.dataset.post) return;
  e.preventDefault();
  press(button);
});

// Keys. None of them changes anything by itself: a asks first, and what acts on
// production has no key.
const rows = () => [...main.querySelectorAll(".list a[id]")];

function step(by) {
  const all = rows(), at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  if (next) next.focus();
}

function find() {
  const field = document.querySelector("[role=search] input");
  if (!field) { location.href = "/#q"; return; }
  field.focus();
  field.select();
}

// acknowledge asks whether the incident of this page, or of the chosen row, is taken.
function acknowledge() {
  const here = document.activeElement;
  const id = main.dataset.incident ? main.querySelector("#acknowledge") && main.dataset.incident : here && here.dataset.ack;
  if (!id) {
    tell(main.dataset.incident || (here && here.closest(".list")) ? "There is nothing to acknowledge here." : "Choose an incident first, with j and k.");
    return;
  }
  const dialog = $("ack");
  $("ack-what").textContent = id + " " + (main.dataset.incident ? main.querySelector("h1") : here.querySelector(".title")).textContent;
  dialog.returnValue = "";
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "ok") return;
    const button = document.createElement("button");
    button.dataset.post = "/api/v1/incidents/" + encodeURIComponent(id) + "/acknowledge";
    press(button);
  }, { once: true });
  dialog.showModal();
}

const keys = {
  j: () => step(1),
  k: () => step(-1),
  "/": find,
  a: acknowledge,
  "?": () => $("keys").showModal(),
};
const mute = $("keys-off");
mute.checked = localStorage.getItem("holdfast-keys") === "off";
mute.addEventListener("change", () => localStorage.setItem("holdfast-keys", mute.checked ? "off" : "on"));
document.addEventListener("keydown", (e) => {
  const run = Object.hasOwn(keys, e.key) && keys[e.key];
  if (!run || e.ctrlKey || e.metaKey || e.altKey || e.isComposing || document.querySelector("dialog[open]")) return;
  if (e.target.closest("input, select, textarea, [contenteditable]") || mute.checked || (e.repeat && e.key !== "j" && e.key !== "k")) return;
  e.preventDefault();
  run();
});
$("show-keys").hidden = false;
$("show-keys").addEventListener("click", () => $("keys").showModal());
if (location.hash === "#q") find();

// reveal opens what a link leads into.
function reveal() {
  let to = null;
  try { to = $(decodeURIComponent(location.hash.slice(1))); } catch { /* no name that we gave */ }
  for (let d = to && to.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
  if (to) to.scrollIntoView();
}
addEventListener("hashchange", reveal);
if (location.hash !== "#q") reveal();

dress();
setInterval(dress, 10000);
if (main.dataset.incident) {
  const stream = new EventSource("/api/v1/incidents/" + main.dataset.incident + "/stream");
  let soon;
  const later = () => { clearTimeout(soon); soon = setTimeout(refresh, 150); };
  stream.addEventListener("event", later);
  stream.addEventListener("state", later);
  stream.addEventListener("error", () => {
    connected(false);
    if (stream.readyState === EventSource.CLOSED) setInterval(refresh, 10000); // refused, so that it does not come back by itself
  });
  stream.addEventListener("open", () => { if (lost) refresh(); });
}
if (main.dataset.every) setInterval(refresh, 1000 * main.dataset.every);
