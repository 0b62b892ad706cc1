// Runs before the page is painted: follows Airflow's theme, and sends the visitor's time zone.
(() => {
  "use strict";
  const root = document.documentElement;

  // Airflow stores the chosen theme there; without one, the browser's applies.
  const paint = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem("theme");
    } catch {
      // The browser may block storage.
    }
    if (chosen === "dark" || chosen === "light") {
      root.dataset.theme = chosen;
    } else {
      delete root.dataset.theme;
    }
    root.dispatchEvent(new CustomEvent("voiceinfra-painted"));
  };
  paint();
  addEventListener("storage", paint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  if (window.parent !== window) {
    root.classList.add("framed");
  }

  const zone = encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  const isZoneKnown = () => document.cookie.split("; ").includes(`voiceinfra_zone=${zone}`);
  if (!isZoneKnown()) {
    const path = new URL(document.currentScript.src).pathname.replace(/\/static\/.*/, "");
    document.cookie = `voiceinfra_zone=${zone}; path=${path}; max-age=31536000; samesite=lax`;
    if (isZoneKnown() && decodeURIComponent(zone) !== "UTC") {
      location.reload();
    }
  }
})();
