// Zoom, pan and chain of the graphs on a page. They are made by the server and are
// links without this; nothing here builds markup out of text.
"use strict";
for (const graph of document.querySelectorAll("[data-graph]")) {
  const canvas = graph.querySelector(".canvas"), svg = graph.querySelector("svg");
  const width = +svg.getAttribute("width"), height = +svg.getAttribute("height");
  let scale = 1;

  // zoom keeps the point (x, y) of the canvas where it is.
  const zoom = (to, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    to = Math.min(3, Math.max(0.15, to));
    const atX = (canvas.scrollLeft + x) / scale, atY = (canvas.scrollTop + y) / scale;
    scale = to;
    svg.setAttribute("width", width * scale);
    svg.setAttribute("height", height * scale);
    canvas.scrollLeft = atX * scale - x;
    canvas.scrollTop = atY * scale - y;
  };
  const fit = () => zoom(Math.min(canvas.clientWidth / width, (canvas.clientHeight - 16) / height, 1));
  const how = { in: () => zoom(scale * 1.25), out: () => zoom(scale / 1.25), fit };
  const tools = graph.querySelector(".tools");
  tools.hidden = false;
  tools.addEventListener("click", (e) => { const b = e.target.closest("[data-zoom]"); if (b) how[b.dataset.zoom](); });

  canvas.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const keys = {
      "+": how.in, "=": how.in, "-": how.out, "0": fit,
      ArrowLeft: () => canvas.scrollBy(-60, 0), ArrowRight: () => canvas.scrollBy(60, 0),
      ArrowUp: () => canvas.scrollBy(0, -60), ArrowDown: () => canvas.scrollBy(0, 60),
    };
    if (keys[e.key]) { keys[e.key](); e.preventDefault(); }
  });
  canvas.addEventListener("wheel", (e) => {
    if (!e.ctrlKey && !e.metaKey) return; // the page scrolls
    const box = canvas.getBoundingClientRect();
    zoom(scale * Math.exp(-e.deltaY / 300), e.clientX - box.left, e.clientY - box.top);
    e.preventDefault();
  }, { passive: false });

  // One mouse button drags; two fingers pinch. One finger scrolls by itself.
  let drag = null, moved = false;
  canvas.addEventListener("pointerdown", (e) => {
    if (e.pointerType !== "mouse" || e.button !== 0) return;
    drag = { x: e.clientX, y: e.clientY, left: canvas.scrollLeft, top: canvas.scrollTop };
    moved = false;
  });
  window.addEventListener("pointermove", (e) => {
    if (!drag) return;
    const dx = e.clientX - drag.x, dy = e.clientY - drag.y;
    if (Math.abs(dx) + Math.abs(dy) > 4) moved = true;
    if (moved) { canvas.scrollLeft = drag.left - dx; canvas.scrollTop = drag.top - dy; }
  });
  window.addEventListener("pointerup", () => { drag = null; });
  canvas.addEventListener("dragstart", (e) => e.preventDefault());
  let pinch = null;
  const spread = (t) => Math.hypot(t[0].clientX - t[1].clientX, t[0].clientY - t[1].clientY);
  canvas.addEventListener("touchstart", (e) => { if (e.touches.length === 2) pinch = { from: spread(e.touches), scale }; }, { passive: true });
  canvas.addEventListener("touchmove", (e) => {
    if (!pinch || e.touches.length !== 2) return;
    const box = canvas.getBoundingClientRect(), t = e.touches;
    zoom(pinch.scale * spread(t) / pinch.from, (t[0].clientX + t[1].clientX) / 2 - box.left, (t[0].clientY + t[1].clientY) / 2 - box.top);
    e.preventDefault();
  }, { passive: false });
  canvas.addEventListener("touchend", () => { pinch = null; });

  // Choosing a node highlights its chain; choosing it again opens it.
  const nodes = [...graph.querySelectorAll("a.node")], edges = [...graph.querySelectorAll("path.edge")];
  const links = nodes.map(() => []);
  for (const e of edges) { const a = +e.dataset.a, b = +e.dataset.b; links[a].push(b); links[b].push(a); }
  const column = (i) => +nodes[i].dataset.c;
  const walk = (from, onward) => {
    const seen = new Set([from]), queue = [from];
    for (let at; (at = queue.shift()) !== undefined;) {
      for (const to of links[at]) if (!seen.has(to) && onward(column(at), column(to))) { seen.add(to); queue.push(to); }
    }
    return seen;
  };
  const tell = graph.querySelector("[data-chosen]");
  const link = (node) => { const a = document.createElement("a"); a.href = node.dataset.open; a.textContent = node.dataset.name; return a; };
  const ways = (set, from) => {
    const all = [...set].filter((i) => i !== from).sort((a, b) => column(a) - column(b));
    return all.length ? all.flatMap((i, n) => (n ? [", ", link(nodes[i])] : [link(nodes[i])])) : ["nothing"];
  };
  const choose = (i) => {
    const up = walk(i, (a, b) => b < a), down = walk(i, (a, b) => b > a);
    nodes.forEach((n, j) => {
      const on = up.has(j) || down.has(j);
      n.classList.toggle("on", on); n.classList.toggle("off", !on); n.classList.toggle("chosen", j === i);
    });
    for (const e of edges) {
      const a = +e.dataset.a, b = +e.dataset.b;
      const on = column(a) !== column(b) && (up.has(a) && up.has(b) || down.has(a) && down.has(b));
      e.classList.toggle("on", on); e.classList.toggle("off", !on);
    }
    const clear = document.createElement("button");
    clear.type = "button"; clear.textContent = "show all";
    clear.addEventListener("click", () => {
      for (const n of [...nodes, ...edges]) n.classList.remove("on", "off", "chosen");
      tell.replaceChildren();
    });
    const title = nodes[i].querySelector("title").textContent;
    tell.replaceChildren(link(nodes[i]), title.slice(title.indexOf(": ") + 1) + " · up: ", ...ways(up, i), " · down: ", ...ways(down, i), " ", clear);
  };
  canvas.addEventListener("click", (e) => {
    const node = e.target.closest("a.node");
    if (!node) return;
    if (moved) { e.preventDefault(); moved = false; return; }
    if (!tell || !node.dataset.open || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    if (node.classList.contains("chosen")) location.href = node.dataset.open;
    else choose(nodes.indexOf(node));
  });

  // What was chosen by the server is brought into view.
  const chosen = graph.querySelector("a.node.chosen rect");
  if (chosen) {
    canvas.scrollLeft = +chosen.getAttribute("x") - canvas.clientWidth / 2 + 98;
    canvas.scrollTop = +chosen.getAttribute("y") - canvas.clientHeight / 2 + 22;
  }
}
