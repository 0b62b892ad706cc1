// What htmx does not do: dialogs, toasts, charts, and links out of Airflow's frame.
(() => {
  "use strict";
  const root = document.documentElement;
  const dialog = document.getElementById("dialog");
  const dialogContent = document.getElementById("dialog-content");
  const toast = document.getElementById("toast");
  let opener = null;
  let fading = 0;

  const showToast = (sentence) => {
    toast.textContent = sentence;
    toast.classList.add("shown");
    clearTimeout(fading);
    fading = setTimeout(() => toast.classList.remove("shown"), 8000);
  };

  // A confirmation form opens as a dialog once htmx listens to its fields, and closes once it is submitted.
  const opensDialog = (event) => event.detail.target === dialogContent;
  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (!opensDialog(event)) return;
    if (!dialog.open) {
      opener = document.activeElement;
      dialog.showModal();
    }
    dialogContent.querySelector("[data-first], input:not([type=hidden]), select, button")?.focus();
  });
  document.body.addEventListener("voiceinfra-toast", (event) => {
    dialog.close();
    showToast(event.detail.value);
  });
  dialog.addEventListener("close", () => {
    dialogContent.replaceChildren();
    if (opener?.isConnected) opener.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
  // Errors are shown each time, so that nobody takes an outdated page for the current state.
  document.body.addEventListener("htmx:sendError", () => showToast("Airflow is not responding. This page may be out of date."));
  document.body.addEventListener("htmx:responseError", (event) => {
    const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
    showToast(answer.querySelector("main p")?.textContent ?? "The request failed.");
  });

  // A hidden page is not refreshed.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.matches("[data-live]")) event.preventDefault();
  });

  // Airflow's sandboxed frame blocks navigation of the top window, but a click in Airflow's own document is allowed.
  const outOfFrame = (link) => {
    try {
      const anchor = parent.document.createElement("a");
      anchor.href = link.href;
      parent.document.body.append(anchor);
      anchor.click();
      anchor.remove();
      return true;
    } catch {
      return false;
    }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-airflow]");
    if (!link || parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (outOfFrame(link)) event.preventDefault();
  });

  // Charts are drawn from the tables below them, which every visitor can read.
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const charts = new Map();

  const read = (table) => ({
    labels: [...table.tBodies[0].rows].map((row) => row.cells[0].textContent),
    series: [...table.tHead.rows[0].cells].slice(1).map((head, column) => ({
      name: head.textContent,
      kind: head.dataset.series,
      values: [...table.tBodies[0].rows].map((row) => Number(row.cells[column + 1].textContent)),
    })).filter(({ kind }) => kind),
  });

  const draw = (canvas) => {
    const { labels, series } = read(document.getElementById(canvas.dataset.chart));
    const datasets = series.map(({ name, kind, values }) => ({
      label: name,
      data: values,
      backgroundColor: colour(kind),
      borderRadius: 2,
      maxBarThickness: 28,
    }));
    const axis = { stacked: true, border: { display: false }, ticks: { color: colour("muted"), maxRotation: 0 } };
    const options = {
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { ...axis, grid: { display: false } },
        y: { ...axis, beginAtZero: true, grid: { color: colour("line") }, ticks: { ...axis.ticks, maxTicksLimit: 5 } },
      },
      plugins: {
        legend: { display: series.length > 1, labels: { color: colour("text"), boxWidth: 10, boxHeight: 10 } },
      },
    };
    charts.get(canvas.id)?.destroy();
    charts.set(canvas.id, new Chart(canvas, { type: "bar", data: { labels, datasets }, options }));
  };
  const drawAll = () => document.querySelectorAll("canvas[data-chart]").forEach(draw);
  if (window.Chart) {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    drawAll();
    document.body.addEventListener("htmx:afterSettle", (event) => event.detail.elt.querySelector("canvas") && drawAll());
    root.addEventListener("voiceinfra-painted", drawAll);
  }
})();
