// Keeps the page current and sends what a person presses. The server makes the
// pages; nothing here builds markup.
"use strict";
const main = document.getElementById("main");
const say = document.getElementById("say");

// refresh fetches the main part again and keeps what is open, typed and focused.
let busy = false, again = false;
async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const res = await fetch(location.pathname + "?part=main", { cache: "no-store" });
    if (!res.ok) return;
    const html = await res.text();
    const open = [...main.querySelectorAll("details[open][id]")].map((d) => d.id);
    const typed = [...main.querySelectorAll("input[id], select[id]")].map((i) => [i.id, i.value]);
    const focused = document.activeElement, within = focused && focused.tagName === "SUMMARY" ? focused.parentElement.id : "";
    const focus = focused && focused.id;
    main.innerHTML = html; // made and escaped by the server
    for (const id of open) { const d = document.getElementById(id); if (d) d.open = true; }
    for (const [id, value] of typed) { const i = document.getElementById(id); if (i) i.value = value; }
    const f = focus ? document.getElementById(focus) : within && document.querySelector("#" + CSS.escape(within) + " > summary");
    if (f) f.focus({ preventScroll: true });
    dress();
  } catch { /* the stream connects again by itself */ } finally {
    busy = false;
    if (again) { again = false; refresh(); }
  }
}

// dress shows the reader's own zone on hover and keeps ages true.
function dress() {
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
  const dialog = document.getElementById("token"), field = document.getElementById("token-value");
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
    const reason = document.getElementById(button.dataset.reason).value.trim();
    if (!reason) { say.textContent = "Write a reason first."; return; }
    body = JSON.stringify({ reason });
  }
  if (button.dataset.form) {
    const fields = [...document.getElementById(button.dataset.form).querySelectorAll("[name]")];
    const missing = fields.find((f) => f.required && !f.value);
    if (missing) { say.textContent = "Choose first."; missing.focus(); return; }
    body = JSON.stringify(Object.fromEntries(fields.map((f) => [f.name, f.value.trim()]).filter(([, v]) => v)));
  }
  const value = await token();
  if (!value) return;
  button.disabled = true;
  say.textContent = "Sending…";
  try {
    const headers = { Authorization: "Bearer " + value };
    if (body) headers["Content-Type"] = "application/json";
    const res = await fetch(button.dataset.post, { method: "POST", headers, body });
    if (res.status === 401) sessionStorage.removeItem("holdfast-token");
    const answer = res.ok ? null : await res.json();
    say.textContent = res.ok ? "Done." : [answer.detail, answer.hint].filter(Boolean).join(": ");
  } catch (e) {
    say.textContent = "Not sent, the server does not answer.";
  }
  button.disabled = false;
  refresh();
}

main.addEventListener("click", (e) => {
  const button = e.target.closest("button[data-post]");
  if (button) press(button);
});
dress();
setInterval(dress, 10000);
if (main.dataset.incident) {
  const stream = new EventSource("/api/v1/incidents/" + main.dataset.incident + "/stream");
  let soon;
  const later = () => { clearTimeout(soon); soon = setTimeout(refresh, 150); };
  stream.addEventListener("event", later);
  stream.addEventListener("state", later);
}
if (main.dataset.every) setInterval(refresh, 1000 * main.dataset.every);
