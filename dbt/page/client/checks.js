"use strict";
// What is of no period: experiments, and our figures held against Iterable's.

function experiments() {
  const rows = data.experiments.filter(isChosen);
  if (!rows.length) return put("experiments", nothing("There is nothing to show: no experiment was loaded."));
  const rates = ["unique_open_rate", "unique_click_rate", "unique_click_to_open_rate", "unsubscribe_rate"];
  const best = Math.max(...rows.map((row) => row.unique_open_rate ?? 0));
  put(
    "experiments",
    table(
      "Variants of experiments",
      [
        ["Experiment"],
        ["Begun"],
        ["Variant"],
        ["Result"],
        ...["Sent", "Opened", "Clicked", "Click to open", "Unsub."].map((name) => [name, { number: true }]),
      ],
      rows.map((row) => [
        called(row, "experiment"),
        row.started ? short(row.started) : "not yet",
        row.variant,
        row.role === "winner"
          ? { text: "★ Winner", class: "good" }
          : inWords([row.role, row.status].filter(Boolean).join(", ").replaceAll("_", " ")),
        row.sent === null ? "–" : number(row.sent),
        ...rates.map((name, at) => {
          const rate = row[name];
          if (rate === null) return "–";
          return at ? percent(rate) : { text: percent(rate), share: best ? rate / best : 0 };
        }),
      ]),
      "wide",
      true,
    ),
  );
}

const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const figuresOf = (rows) => rows.reduce((all, row) => all + row.figures, 0);

/** "reason (3); other reason (2)" */
function reasons(rows) {
  const counts = addedUp(
    rows.map((row) => [row.reason, row.figures]),
    1,
  ).sort((one, other) => other[1] - one[1]);
  return counts.map(([reason, figures]) => `${reason} (${number(figures)})`).join("; ");
}

function reconciliation() {
  const all = data.compared.filter(isChosen),
    compared = all.filter((row) => row.is_compared),
    equal = figuresOf(compared.filter((row) => row.is_equal)),
    others = all.filter((row) => !row.is_compared);
  const differ = figuresOf(compared) - equal;
  put(
    "agreement",
    compared.length
      ? element("b", {}, `${number(equal)} of ${number(figuresOf(compared))} figures agree`)
      : nothing("There is nothing to compare: neither campaigns_metrics nor campaigns_metrics_daily was loaded."),
    compared.length ? ` (${percent(equal / figuresOf(compared))}). ` : "",
    compared.length && differ
      ? `Likely reasons of the others: ${reasons(compared.filter((row) => !row.is_equal))}. `
      : "",
    others.length ? `${number(figuresOf(others))} cannot be compared: ${reasons(others)}.` : "",
  );
  const rows = data.different.filter(isChosen);
  put("reconciliation");
  if (!rows.length) return;
  put(
    "reconciliation",
    table(
      "Figures that differ, the largest differences first",
      [
        ["Campaign"],
        ["Figure"],
        ["Ours", { number: true }],
        ["Iterable’s", { number: true }],
        ["Difference", { number: true }],
        ["Likely reason"],
      ],
      rows.map((row) => [
        { text: called(row, "campaign"), title: `${row.name ?? "campaign"} (campaign ${row.id})` },
        row.figure,
        exact.format(row.ours),
        exact.format(row.iterables),
        `${row.ours > row.iterables ? "+" : ""}${exact.format(row.ours - row.iterables)}`,
        row.likely_reason,
      ]),
      "wide",
      true,
    ),
  );
}
