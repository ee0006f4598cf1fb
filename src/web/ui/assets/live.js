// Keeps the parts of the page that are marked data-part up to date. Without this script the page is
// complete and the browser's reload button does the same.
//
// What somebody reads does not move: a part with the focus or a selection in it waits, and new rows
// wait behind a button while the pointer or the focus is in the table or its head is scrolled away.
(() => {
  const live = document.querySelector("[data-live]");
  if (!live) return;
  const every = 2000;
  const patience = 10000;
  const pause = document.getElementById("pause");
  const connection = document.getElementById("connection");
  let paused = false;
  let timer;

  const say = (words) => {
    if (connection.textContent !== words) connection.textContent = words;
  };
  const selected = (part) => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(part, true);
  };
  const inUse = (part) => part.contains(document.activeElement) || selected(part);

  // Turns one node into another and leaves alone whatever is the same in both.
  const morph = (now, next) => {
    if (now.isEqualNode(next)) return;
    if (now.nodeType === Node.TEXT_NODE && next.nodeType === Node.TEXT_NODE) {
      now.nodeValue = next.nodeValue;
    } else if (now.nodeName !== next.nodeName || now.childNodes.length !== next.childNodes.length) {
      now.replaceWith(next.cloneNode(true));
    } else {
      for (const { name } of [...now.attributes]) if (!next.hasAttribute(name)) now.removeAttribute(name);
      for (const { name, value } of next.attributes) now.setAttribute(name, value);
      const later = [...next.childNodes];
      [...now.childNodes].forEach((child, place) => morph(child, later[place]));
    }
  };
  const morphInside = (now, next) => {
    if (now.childNodes.length === next.childNodes.length) morph(now, next);
    else now.replaceChildren(...next.cloneNode(true).childNodes);
  };

  const rows = (body) => [...body.querySelectorAll("[data-row]")];
  const fill = (body, next) => {
    const known = new Map(rows(body).map((row) => [row.dataset.row, row]));
    const shown = [...next.cloneNode(true).children].map((row) => {
      const old = known.get(row.dataset.row);
      if (!old) {
        if (known.size) row.classList.add("fresh");
        return row;
      }
      old.classList.remove("fresh");
      morph(old, row);
      return old.isConnected ? old : row;
    });
    body.replaceChildren(...shown);
  };
  // Known rows change in place; new ones come in at once, or when they are asked for.
  const updateOrders = (part, next) => {
    const body = part.querySelector("[data-rows]");
    const nextBody = next.querySelector("[data-rows]");
    if (!body || !nextBody) return morphInside(part, next);
    const button = part.querySelector("[data-show]");
    const known = new Set(rows(body).map((row) => row.dataset.row));
    const fresh = rows(nextBody).filter((row) => !known.has(row.dataset.row)).length;
    const show = () => {
      button.hidden = true;
      fill(body, nextBody);
    };
    const table = body.closest(".table");
    const read = table.matches(":hover") || inUse(part) || table.getBoundingClientRect().top < 0;
    if (!fresh || !known.size || !read) return show();
    const later = new Map(rows(nextBody).map((row) => [row.dataset.row, row]));
    for (const row of rows(body)) {
      const changed = later.get(row.dataset.row);
      if (changed && !inUse(row)) morph(row, changed);
    }
    button.textContent = `Show ${fresh} new`;
    button.onclick = () => {
      show();
      table.focus({ preventScroll: true });
      table.scrollIntoView({ block: "nearest" });
    };
    button.hidden = false;
  };

  const update = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    for (const next of page.querySelectorAll("[data-part]")) {
      const part = live.querySelector(`[data-part="${next.dataset.part}"]`);
      if (next.dataset.part === "orders") updateOrders(part, next);
      else if (!inUse(part)) morphInside(part, next);
    }
  };
  const refresh = async () => {
    clearTimeout(timer);
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(live.dataset.live, {
        headers: { accept: "text/html" },
        redirect: "manual",
        signal: AbortSignal.timeout(patience),
      });
      if (answer.type === "opaqueredirect") {
        const link = document.createElement("a");
        link.href = "/login";
        link.textContent = "Sign in again";
        pause.hidden = true;
        connection.replaceChildren("Your session has ended. ", link);
        return;
      }
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      if (!paused) {
        update(text);
        say("");
      }
    } catch {
      say("Reconnecting…");
    }
    clearTimeout(timer);
    timer = setTimeout(refresh, every);
  };

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Resume updates" : "Pause updates";
    say(paused ? "Updates are paused." : "");
    refresh();
  });
  document.addEventListener("visibilitychange", refresh);
  timer = setTimeout(refresh, every);
})();
