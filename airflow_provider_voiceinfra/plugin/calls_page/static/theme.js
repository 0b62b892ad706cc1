// Before the page is painted: as light or dark as Airflow around it, and by the reader's own clock.
(() => {
  "use strict";
  const root = document.documentElement;

  // Airflow keeps its reader's choice there; without one the browser's is taken.
  const paint = () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem("theme");
    } catch {
      // Storage may be forbidden.
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
