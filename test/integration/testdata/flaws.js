// What is wrong with the page that is open, in lines for a person. Everything that
// folds is opened first. A key was pressed before, so that focus shows as for a
// person without a mouse.
(() => {
  const out = [], root = document.documentElement;
  for (const d of document.querySelectorAll("details")) d.open = true;
  const name = (e) => e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + " " + JSON.stringify((e.textContent || "").trim().slice(0, 40));
  const visible = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0 && !e.closest(".hidden");

  const wide = root.clientWidth;
  if (root.scrollWidth > wide) {
    const over = [...document.querySelectorAll("main *, nav *")].filter((e) => visible(e) && e.getBoundingClientRect().right > wide + 1 && !e.closest(".scroll, .canvas, nav.site"));
    out.push("scrolls sideways, " + root.scrollWidth + " of " + wide + ": " + over.slice(0, 3).map(name).join(", "));
  }
  if (document.querySelectorAll("h1").length !== 1) out.push(document.querySelectorAll("h1").length + " first headings");
  if (!root.lang || !document.title) out.push("no language or no title");
  if (document.querySelectorAll("main").length !== 1) out.push("no main part, or several");
  let level = 1;
  for (const h of document.querySelectorAll("main h1, main h2, main h3, main h4, main h5, main h6")) {
    const n = +h.tagName[1];
    if (n > level + 1) out.push("a heading of level " + n + " after " + level + ": " + name(h));
    level = n;
  }
  const ids = new Set();
  for (const e of document.querySelectorAll("[id]")) { if (ids.has(e.id)) out.push("twice: id " + e.id); ids.add(e.id); }
  for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    for (const id of (e.getAttribute("aria-labelledby") || "").split(/\s+/)) if (id && !ids.has(id)) out.push("named by #" + id + ", which is not there");
  }
  for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!e.labels.length && !e.ariaLabel) out.push("a field without a label: " + e.outerHTML.slice(0, 80));
  }
  for (const e of document.querySelectorAll("a, button, summary")) {
    if (!(e.textContent || "").trim() && !e.ariaLabel && !e.querySelector("title")) out.push("nothing to call it: " + e.outerHTML.slice(0, 80));
  }
  for (const t of document.querySelectorAll("table")) {
    if (!t.querySelector("th[scope]")) out.push("a table without headers: " + name(t));
  }
  for (const e of document.querySelectorAll("button, summary, select, input:not([type=hidden])")) {
    const r = e.getBoundingClientRect();
    if (visible(e) && (r.height < 24 || r.width < 24) && e.type !== "checkbox") out.push("too small to hit, " + Math.round(r.width) + "x" + Math.round(r.height) + ": " + name(e));
  }

  for (const e of document.querySelectorAll("a[href], button, summary, select, input:not([type=hidden]), [tabindex]")) {
    if (!visible(e) || e.disabled || e.tabIndex < 0) continue;
    if (e.tabIndex > 0) out.push("out of order: " + name(e));
    e.focus({ preventScroll: true });
    const s = getComputedStyle(e), rect = e.querySelector("rect");
    const ring = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2, drawn = rect && parseFloat(getComputedStyle(rect).strokeWidth) >= 2;
    if (document.activeElement === e && !ring && !drawn) out.push("focus is not seen on " + name(e));
  }

  const parse = (c) => { const m = c.match(/[\d.]+/g); return m ? m.map(Number) : [0, 0, 0, 0]; };
  const over = (top, under) => { const a = top.length > 3 ? top[3] : 1; return [0, 1, 2].map((i) => top[i] * a + under[i] * (1 - a)); };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => {
    const layers = [];
    for (let n = e; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor); layers.push(c); if (c.length === 3 || c[3] === 1) break; }
    return layers.reverse().reduce((under, c) => over(c, under), [255, 255, 255]);
  };
  const told = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement;
    if (!n.data.trim() || !visible(e) || e.closest("svg, script, noscript, dialog, :disabled")) continue;
    const s = getComputedStyle(e), under = ground(e);
    let strength = 1;
    for (let p = e; p; p = p.parentElement) strength *= +getComputedStyle(p).opacity;
    const c = parse(s.color), front = over([c[0], c[1], c[2], (c.length > 3 ? c[3] : 1) * strength], under);
    const [a, b] = [light(front), light(under)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && +s.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) told.add("contrast " + ratio.toFixed(2) + " of ." + (e.className || e.tagName) + " " + JSON.stringify(n.data.trim().slice(0, 30)));
  }
  return out.concat([...told].slice(0, 5));
})()
