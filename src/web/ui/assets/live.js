// Keeps the part of the page marked data-live up to date. Without this script the page is complete
// and the browser's reload button does the same.
(() => {
  const part = document.querySelector("[data-live]");
  if (!part) return;
  const every = 2000;
  const busy = () => document.hidden || part.contains(document.activeElement) || !getSelection().isCollapsed;
  const refresh = async () => {
    if (!busy()) {
      try {
        const answer = await fetch(part.dataset.live, { headers: { accept: "text/html" } });
        if (answer.ok) {
          const text = await answer.text();
          if (!busy() && text !== part.innerHTML) part.innerHTML = text;
        }
        document.documentElement.toggleAttribute("data-offline", !answer.ok);
      } catch {
        document.documentElement.toggleAttribute("data-offline", true);
      }
    }
    setTimeout(refresh, every);
  };
  setTimeout(refresh, every);
})();
