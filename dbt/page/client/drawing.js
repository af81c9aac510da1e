"use strict";
// Elements, tables, and lines over days.

/** An element; attributes with null are left out, texts are never markup. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
const put = (id, ...children) => document.getElementById(id).replaceChildren(...children);
const nothing = (text) => element("p", { class: "nothing" }, text);

/** A table: columns are [title, {number}], rows are cells or {text, share, title, class}; a long one scrolls. */
function table(caption, columns, rows, size = "wide", long = false) {
  const head = columns.map(([title, kind]) =>
    element("th", { scope: "col", class: kind?.number ? "number" : null }, title),
  );
  const body = rows.map((cells) =>
    element(
      "tr",
      {},
      ...cells.map((cell, at) => {
        const given = cell !== null && typeof cell === "object" ? cell : { text: cell ?? "–" },
          { text, share, title } = given;
        if (!at) return element("th", { scope: "row", class: "name", title: title ?? text }, text);
        const kind = [columns[at][1]?.number && "number", share !== undefined && "bar", given.class]
          .filter(Boolean)
          .join(" ");
        return element(
          "td",
          { class: kind || null, style: share === undefined ? null : `--share: ${100 * share}` },
          text,
        );
      }),
    ),
  );
  return element(
    "div",
    { class: long ? "table long" : "table" },
    element(
      "table",
      { class: size },
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...body),
    ),
  );
}

/** Lines over days below `id`, and their numbers as a table. Points are {day, what, value}; `what` in the order of names. */
function lines(id, title, points, names, format, { weekly = false, colors = names } = {}) {
  const days = [...new Set(points.map((point) => point.day))].sort();
  const at = new Map(points.map((point) => [`${point.day} ${point.what}`, point.value]));
  const cell = (day, name) => {
    const value = at.get(`${day} ${name}`);
    return value === undefined || value === null ? "–" : format(value);
  };
  const label = (day) => (weekly ? `Week from ${long(day)}` : long(day));
  const tips = days.map((day) => ({ day, tip: [label(day), names.map((name) => [name, cell(day, name)])] }));
  const box = typeof id === "string" ? document.getElementById(id) : id;
  // Vega puts its own role and label on the element that it draws into.
  const drawing = element("div"),
    picture = element("div", { role: "img", "aria-label": `${title}. The numbers are in the table below.` }, drawing);
  const rows = days.toReversed().map((day) => [label(day), ...names.map((name) => cell(day, name))]);
  box.replaceChildren(
    picture,
    element(
      "details",
      {},
      element("summary", {}, "Show the numbers as a table"),
      table(title, [[weekly ? "Week" : "Day"], ...names.map((name) => [name, { number: true }])], rows, null),
    ),
  );
  const range = { domain: colors };
  draw(drawing, {
    width: "container",
    height: narrow.matches ? 200 : 250,
    data: { values: points },
    encoding: {
      x: {
        field: "day",
        type: "temporal",
        title: null,
        scale: { type: "utc" },
        axis: {
          format: weekly ? "%b %Y" : "%-d %b",
          tickCount: Math.min(days.length, narrow.matches ? 4 : 10),
          grid: false,
        },
      },
    },
    layer: [
      {
        mark: { type: "line", point: days.length < 40 },
        encoding: {
          y: {
            field: "value",
            type: "quantitative",
            title: null,
            axis: { format: format === percent ? "~%" : "~s", tickCount: 5 },
          },
          color: {
            field: "what",
            type: "nominal",
            title: null,
            scale: range,
            legend: names.length > 1 ? { values: names } : null,
          },
          strokeDash: { field: "what", type: "nominal", title: null, scale: range },
        },
      },
      {
        data: { values: tips },
        mark: { type: "rule", tooltip: { content: "data" } },
        params: [
          {
            name: "near",
            select: { type: "point", fields: ["day"], nearest: true, on: "pointermove", clear: "pointerout" },
          },
        ],
        encoding: { opacity: { condition: { param: "near", empty: false, value: 0.6 }, value: 0 } },
      },
    ],
  });
}

function draw(drawing, spec) {
  const style = getComputedStyle(document.documentElement),
    of = (name) => style.getPropertyValue(name).trim();
  const text = {
    labelFontSize: 12,
    labelColor: of("--quiet"),
    titleColor: of("--quiet"),
    labelFont: "system-ui, sans-serif",
  };
  const axis = { ...text, gridColor: of("--line"), domainColor: of("--line"), tickColor: of("--line") };
  const category =
    dark.matches && !paper.matches
      ? ["#6cb2ff", "#ff9f6b", "#6fd08c", "#c9a6ff", "#ff8fb3", "#5ccfd4", "#e0c04a", "#9aa7ff", "#d98e8e", "#a3c76d"]
      : ["#1f6fb4", "#b3541e", "#2e7d43", "#7a4fa3", "#a8326a", "#0f7c80", "#7d6608", "#4d4dbf", "#8c3b3b", "#446b1f"];
  const legend = {
    ...text,
    orient: "top",
    columns: narrow.matches ? 1 : 4,
    labelLimit: 0,
    symbolType: "stroke",
    symbolStrokeWidth: 2,
  };
  const config = {
    background: "transparent",
    axis,
    legend,
    view: { stroke: null },
    range: { category },
    rule: { color: of("--quiet") },
  };
  const formatTooltip = ({ tip: [day, rows] }, escaped) =>
    `<b>${escaped(day)}</b><table>${rows
      .map(([name, value]) => `<tr><th>${escaped(name)}</th><td class="number">${escaped(value)}</td></tr>`)
      .join("")}</table>`;
  vegaEmbed(drawing, { ...spec, config }, { actions: false, renderer: "svg", tooltip: { formatTooltip } }).catch(
    (error) => {
      drawing.textContent = String(error);
      console.error(error);
    },
  );
}
