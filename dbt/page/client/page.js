"use strict";
// The choice that the whole page follows, and its header.

function header(period) {
  const shown = data.projects.filter(({ name }) => isOfProject(name)),
    earlier = before(period);
  put(
    "scope",
    element("b", {}, `${short(period.first)} – ${short(period.last)}`),
    ` (${number((time(period.last) - time(period.first)) / DAY + 1)} whole days), `,
    element("b", {}, choice.channel || "all channels"),
    several ? ", " : "",
    several ? element("b", {}, choice.project || "all projects") : "",
    ". ",
    shown.some(({ name }) => name) ? `${shown.length > 1 ? "Projects" : "Project"}: ` : "",
    shown.some(({ name }) => name)
      ? shown
          .map(({ name, oldest, newest }) =>
            several ? `${named(name)} (sends from ${short(oldest)} to ${moment(newest)})` : name,
          )
          .join("; ") + ". "
      : "",
    `Data up to ${moment(data.newest)}. The last day and the first one loaded are partial and left out.`,
  );
  put(
    "compared",
    earlier
      ? `▲▼ against the ${period.days} days before: ${short(earlier.first)} – ${short(earlier.last)}.`
      : period.days
        ? `Not compared: fewer than ${2 * period.days} whole days are loaded${several ? " of a project" : ""}.`
        : "All that is loaded, so there is nothing before to compare with.",
  );
}

/** Everything that follows the choice; without `everything`, only what follows the chosen figure. */
function show(everything = true) {
  const period = data.periods.find((each) => String(each.days ?? "all") === choice.period);
  history.replaceState(null, "", `#${new URLSearchParams(choice)}`);
  tiles(period);
  trend(period);
  if (!everything) return;
  for (const part of [header, campaigns, people, journeys, domains, skips, lists, late]) part(period);
  for (const part of [experiments, reconciliation]) part();
  put(
    "said",
    `${document.getElementById("scope").textContent.split(".")[0]}: ${number(sum(period.totals, channels(), "sent"))} messages sent.`,
  );
}

function choices(id, options) {
  const made = options.map(([value, text]) => {
    const input = element("input", { type: "radio", name: id, value });
    input.checked = value === choice[id];
    input.addEventListener("change", () => {
      choice[id] = value;
      show();
    });
    return element("label", {}, input, text);
  });
  document.getElementById(id).append(...made);
  document.getElementById(id).hidden = !made.length;
}

/** Links to the parts. The address keeps the choice, so they do not change it. */
function parts() {
  const links = [...document.querySelectorAll("main h2")].map((title) => {
    const link = element("a", { href: `#${title.id}` }, title.textContent);
    title.tabIndex = -1;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      title.scrollIntoView();
      title.focus({ preventScroll: true });
    });
    return link;
  });
  put("parts", ...links);
}

if (data.periods) {
  const offered = data.periods.map(({ days }) => [
    String(days ?? "all"),
    days ? `${days} days` : `All ${number(data.days)} days`,
  ]);
  const projects = several ? data.projects.map(({ name }) => named(name)) : [];
  if (!offered.some(([value]) => value === choice.period))
    choice.period = (offered.find(([value]) => value === "28") || offered.at(-1))[0];
  if (!data.channels.includes(choice.channel)) choice.channel = "";
  if (!projects.includes(choice.project)) choice.project = "";
  if (!(choice.metric in TREND)) choice.metric = "sent";
  choices("period", offered);
  choices("channel", [["", "All"], ...data.channels.map((name) => [name, name])]);
  choices("project", several ? [["", "All"], ...projects.map((name) => [name, name])] : []);
  parts();
  show();
  for (const media of [dark, narrow]) media.addEventListener("change", () => show());
  paper.addEventListener("change", () => {
    show();
    campaignsTable?.page.len(paper.matches ? 50 : 15).draw();
  });
} else {
  for (const hidden of document.querySelectorAll("main, #choice")) hidden.hidden = true;
  put(
    "scope",
    "There is nothing to show yet: no whole day of messages is loaded. The first and the last day are partial.",
  );
}
