"""The panels, variables and links that the dashboards are put together from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
FLEET, MONITOR, TARGET = "egress-fleet", "egress-monitor", "egress-target"
TITLES = {FLEET: "Egress fleet", MONITOR: "Egress monitor", TARGET: "Egress target"}

GREEN, AMBER, RED, GREY = "green", "orange", "red", "text"
STATES: Mapping[str, tuple[str, str]] = {
    "0": ("up", GREEN),
    "1": ("degraded", AMBER),
    "2": ("down", RED),
    "3": ("unknown", GREY),
}
"""Meaning of a state's number: word and color."""

Panel = timeseries.Panel | stat.Panel | statetimeline.Panel | table.Panel


def state(selector: str, by: str) -> str:
    """Return the query of the worst state of what is left of ``by``, as a number of ``STATES``."""
    numbers = {"up": 0, "degraded": 1, "down": 2, "unknown": 3}
    parts = (
        f'egress_target_state{{{selector}, state="{name}"}} * {number}'
        for name, number in numbers.items()
    )
    return f"max by ({by}) ({' or '.join(parts)})"


def base(uid: str, description: str) -> builders.Dashboard:
    """Return a dashboard with what all have: data source, incidents as annotations, links."""
    incidents = (
        builders.AnnotationQuery()
        .name("Incidents")
        .datasource(SOURCE)
        .enable(True)
        .hide(False)
        .icon_color(RED)
        .expr("max by (instance, cause, scope) (egress_incident_active)")
    )
    source = builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
    made = (
        builders.Dashboard(TITLES[uid])
        .uid(uid)
        .description(description)
        .tags(["egress-monitor"])
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(source)
        .annotation(incidents)
    )
    for other in (name for name in TITLES if name != uid):
        made.link(
            builders.DashboardLink(TITLES[other])
            .type(dashboard.DashboardLinkType.LINK)
            .url(f"/d/{other}")
            .include_vars(True)
            .keep_time(True)
        )
    return made


def variable(name: str, label: str, query: str, *, every: bool = False) -> builders.QueryVariable:
    """Return a variable with a label's values; with ``every`` several or all may be chosen."""
    made = (
        builders.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )
    if every:
        everything = dashboard.VariableOption(text="All", value="$__all", selected=True)
        made.multi(True).include_all(True).all_value(".*").current(everything)
    return made


def fill(made: builders.Dashboard, *parts: builders.Row | Panel) -> builders.Dashboard:
    """Put rows and panels into a dashboard, in that order."""
    for part in parts:
        if isinstance(part, builders.Row):
            made.with_row(part)
        else:
            made.with_panel(part)
    return made


def row(title: str) -> builders.Row:
    """Return the heading of the panels that follow."""
    return builders.Row(title)


def graph(
    title: str,
    description: str,
    queries: Mapping[str, str],
    *,
    unit: str = "s",
    width: int = 12,
    stacked: bool = False,
) -> timeseries.Panel:
    """Return a graph. ``queries`` are by their legend."""
    made = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .height(8)
        .span(width)
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )
    if stacked:
        made.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
    for number, (legend, query) in enumerate(queries.items()):
        made.with_target(_query(query, number).legend_format(legend).range())
    return made


def number(
    title: str,
    description: str,
    query: str,
    *,
    unit: str = "short",
    bad_from: float | None = None,
    states: bool = False,
    width: int = 4,
) -> stat.Panel:
    """Return one big number: red from ``bad_from`` on, or a state's word."""
    steps = [dashboard.Threshold(None, GREEN if bad_from is not None else GREY)]
    if bad_from is not None:
        steps.append(dashboard.Threshold(bad_from, RED))
    made = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .height(4)
        .span(width)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(steps))
        .with_target(_query(query, 0).instant())
    )
    return made.mappings([_state_words()]) if states else made


def timeline(
    title: str, description: str, query: str, legend: str, *, width: int = 24, height: int = 8
) -> statetimeline.Panel:
    """Return a bar a series, coloured and worded by state."""
    steps = [dashboard.Threshold(None, GREEN)] + [
        dashboard.Threshold(float(value), colour)
        for value, (_, colour) in STATES.items()
        if value != "0"
    ]
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .height(height)
        .span(width)
        .show_value(common.VisibilityMode.NEVER)
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(80)
        .mappings([_state_words()])
        .thresholds(_thresholds(steps))
        .with_target(_query(query, 0).legend_format(legend).range())
    )


def listing(
    title: str,
    description: str,
    queries: Mapping[str, str],
    *,
    key: str,
    hidden: Sequence[str] = (),
    units: Mapping[str, str] | None = None,
    states: Sequence[str] = (),
    links: Mapping[str, tuple[str, str]] | None = None,
    width: int = 24,
    height: int = 9,
) -> table.Panel:
    """Return a table with one row per value of ``key`` and one column per query, by its heading.

    ``hidden`` labels are left out; ``states`` are columns that hold a state's number;
    ``links`` are by column: a title and a URL.
    """
    made = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .height(height)
        .span(width)
        .with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(_columns(list(queries), hidden))
    )
    for place, query in enumerate(queries.values()):
        made.with_target(_query(query, place).format(PromQueryFormat.TABLE).instant())
    for heading, unit in (units or {}).items():
        made.override_by_name(heading, [dashboard.DynamicConfigValue("unit", unit)])
    for heading in states:
        made.override_by_name(heading, _state_cells())
    for heading, (label, url) in (links or {}).items():
        link = {"title": label, "url": url}
        made.override_by_name(heading, [dashboard.DynamicConfigValue("links", [link])])
    return made.override_by_name(key, [dashboard.DynamicConfigValue("custom.width", 260)])


def _columns(headings: Sequence[str], hidden: Sequence[str]) -> dashboard.DataTransformerConfig:
    """Name the values of queries by their headings, and leave time and labels out."""
    names = {f"Value #{_ref(n)}": heading for n, heading in enumerate(headings)}
    if len(headings) == 1:
        names["Value"] = headings[0]
    out = dict.fromkeys(("Time", "__name__", "job", *hidden), True)
    return dashboard.DataTransformerConfig(
        id_val="organize", options={"renameByName": names, "excludeByName": out}
    )


def _state_cells() -> list[dashboard.DynamicConfigValue]:
    words = {value: {"text": word, "color": colour} for value, (word, colour) in STATES.items()}
    return [
        dashboard.DynamicConfigValue("mappings", [{"type": "value", "options": words}]),
        dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
    ]


def _state_words() -> dashboard.ValueMap:
    return dashboard.ValueMap(
        {
            value: dashboard.ValueMappingResult(text=word, color=colour, index=int(value))
            for value, (word, colour) in STATES.items()
        }
    )


def _thresholds(steps: list[dashboard.Threshold]) -> builders.ThresholdsConfig:
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _query(query: str, number: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query).ref_id(_ref(number)).datasource(SOURCE)


def _ref(number: int) -> str:
    return chr(ord("A") + number)
