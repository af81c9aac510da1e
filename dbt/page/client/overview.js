"use strict";
// The tiles, and the lines of the one that is chosen.

/** A tile's lines: value, change against the period before, what it counts. */
function told(metric, period) {
  const value = measured(metric, period.totals, channels()),
    earlier = before(period),
    past = earlier ? measured(metric, earlier.totals, channels()) : null;
  const lines = [element("span", { class: "value" }, value === null ? "–" : shownAs(metric)(value))];
  if (value === null && !channels().some((name) => has(metric, name)))
    return [...lines, element("span", {}, `not for ${choice.channel}`)];
  if (value !== null && past !== null && (metric.of || past)) {
    const change = metric.of ? 100 * (value - past) : 100 * (value / past - 1),
      text = Math.abs(change).toFixed(metric.of && Math.abs(change) < 0.1 ? 2 : 1);
    const sign = Number(text) === 0 ? "=" : change > 0 ? "▲" : "▼",
      well = sign === "=" || !metric.good ? "" : change * metric.good > 0 ? "good" : "bad";
    lines.push(
      element(
        "span",
        { class: well },
        `${sign}\u00a0${text}\u00a0${metric.of ? "points" : "%"} (${shownAs(metric)(past)})`,
      ),
    );
  }
  const able = channels().filter((name) => has(metric, name)),
    count = (figure) => number(sum(period.totals, able, figure));
  if (metric.of) lines.push(element("span", {}, `${count(metric.part)} ${metric.noun}`));
  if (metric.messages)
    lines.push(
      element(
        "span",
        {},
        `${percent(sum(period.totals, able, metric.messages) / sum(period.totals, able, metric.of))} of messages`,
      ),
    );
  if (metric.key === "bounce" && able.includes("Email"))
    lines.push(element("span", {}, `emails: ${count("hard_bounced")} hard, ${count("soft_bounced")} soft`));
  const rest = sum(period.totals, [""], metric.part);
  if (rest && !choice.channel) lines.push(element("span", {}, `and ${number(rest)} without a campaign`));
  return lines;
}

function tiles(period) {
  put(
    "tiles",
    ...METRICS.map((metric) => {
      const able = channels().some((name) => has(metric, name));
      const tile = element(
        "button",
        {
          type: "button",
          class: "tile",
          "aria-pressed": metric.key === choice.metric,
          "data-key": metric.key,
          disabled: able ? null : "",
        },
        element("span", {}, metric.name),
        ...told(metric, period),
      );
      tile.addEventListener("click", () => {
        choice.metric = metric.key;
        show(false);
        document.querySelector(`.tile[data-key=${metric.key}]`).focus();
      });
      return tile;
    }),
  );
}

/** [day, {project: {channel: figures}}] for each day (or week, if all is chosen and long) of a stretch of days. */
function stretch(first, last, weekly) {
  const series = data.series[weekly ? "week" : "day"],
    from = time(series.first),
    found = [];
  for (let at = 0; from + (at + 1) * series.step * DAY <= time(last) + DAY; at++) {
    if (from + at * series.step * DAY < time(first)) continue;
    const of = (channels) => Object.fromEntries(Object.entries(channels).map(([name, steps]) => [name, steps[at] || []]));
    found.push([
      iso(from + at * series.step * DAY),
      Object.fromEntries(Object.entries(series.projects).map(([project, channels]) => [project, of(channels)])),
    ]);
  }
  return found;
}

function trend(period) {
  const metric = TREND[choice.metric],
    weekly = !period.days && "week" in data.series;
  const names = channels().filter((name) => has(metric, name)),
    without = channels().filter((name) => !has(metric, name));
  const title = `${metric.name} by ${weekly ? "week" : "day"}${choice.channel ? `, ${choice.channel}` : " and channel"}`;
  put("trend-title", title);
  if (!names.length) {
    put("trend", nothing(`${choice.channel} has none.`));
    put("trend-note");
    return;
  }
  const now = stretch(period.first, period.last, weekly);
  const points = now.flatMap(([day, totals]) =>
    names.map((what) => ({ day, what, value: measured(metric, totals, [what]) })),
  );
  const order = [...names];
  const earlier = before(period);
  if (choice.channel && earlier) {
    order.push(`the ${period.days} days before`);
    stretch(earlier.first, earlier.last, false).forEach(([, totals], at) =>
      points.push({ day: now[at][0], what: order[1], value: measured(metric, totals, names) }),
    );
  }
  lines("trend", title, points, order, shownAs(metric), { weekly, colors: choice.channel ? order : data.channels });
  put(
    "trend-note",
    without.length ? `Left out, as they cannot have it: ${without.join(", ")}. ` : "",
    metric.needs?.some((name) => ["opens", "clicks"].includes(name))
      ? "Someone who opens a campaign on several days counts on each of them here, but once in the figure above, as at Iterable. "
      : "",
  );
}
