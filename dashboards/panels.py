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

GREEN, AMBER, RED, BLUE, GREY, PLAIN = "green", "orange", "red", "blue", "#8e8e8e", "text"
Words = Mapping[str, tuple[str, str]]
"""Meaning of numbers: word and color of each."""

STATES: Words = {
    "0": ("up", GREEN),
    "1": ("unknown", GREY),
    "2": ("degraded", AMBER),
    "3": ("down", RED),
}
"""The states, the worst last: an unknown target must not hide one that is down."""

PER_SECOND, PER_MINUTE = "suffix:/s", "suffix:/min"

Panel = timeseries.Panel | stat.Panel | statetimeline.Panel | table.Panel


def state(selector: str, by: str, metric: str = "egress_target_state") -> str:
    """Return the query of the worst state of what is left of ``by``, as a number of ``STATES``."""
    parts = (
        f'{metric}{{{selector}, state="{name}"}} * {number}' for number, (name, _) in STATES.items()
    )
    return f"max by ({by}) ({' or '.join(parts)})"


def per_minute(metric: str, by: str, selector: str) -> str:
    """Return the query of how often a counter rises per minute, without what stands still."""
    return f"sum by ({by}) (rate({metric}{{{selector}}}[$__rate_interval])) * 60 > 0"


def base(uid: str, description: str, selector: str) -> builders.Dashboard:
    """Return a dashboard with what all have: data source, incidents as annotations, links.

    ``selector`` chooses the monitors whose incidents are annotations.
    """
    incidents = (
        builders.AnnotationQuery()
        .name("Incidents")
        .datasource(SOURCE)
        .enable(True)
        .hide(False)
        .icon_color(RED)
        .expr(f"max by (instance, cause, scope) (egress_incident_active{{{selector}}})")
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
    maximum: float | None = None,
    stacked: bool = False,
    empty: str = "No data",
) -> timeseries.Panel:
    """Return a graph. ``queries`` are by their legend; ``empty`` is the text without series.

    ``stacked`` series are bars: a stacked line would be drawn across the gaps of a series. An
    axis of counts reaches at least 1, so that zero is not drawn on an axis up to 100.
    """
    made = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(empty)
        .min(0)
        .height(8)
        .span(width)
        .line_width(1)
        .draw_style(common.GraphDrawStyle.BARS if stacked else common.GraphDrawStyle.LINE)
        .fill_opacity(80 if stacked else 0)
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
    if maximum is not None:
        made.max(maximum)
    if unit == "short":
        made.decimals(0).axis_soft_max(1)
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
    warn_below: float | None = None,
    states: bool = False,
    empty: str = "No data",
    width: int = 4,
) -> stat.Panel:
    """Return one big number: red from ``bad_from`` on, amber below ``warn_below``, or a state's
    word. ``empty`` is the text without a number."""
    steps = [dashboard.Threshold(None, PLAIN)]
    if bad_from is not None:
        steps = [dashboard.Threshold(None, GREEN), dashboard.Threshold(bad_from, RED)]
    elif warn_below is not None:
        steps = [dashboard.Threshold(None, AMBER), dashboard.Threshold(warn_below, GREEN)]
    made = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .no_value(empty)
        .height(4)
        .span(width)
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.VALUE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(steps))
        .with_target(_query(query, 0).instant())
    )
    if states:
        return made.mappings([_value_map(STATES)])
    return made.mappings([_plain_text(empty)])


def timeline(
    title: str,
    description: str,
    query: str,
    legend: str,
    *,
    words: Words = STATES,
    steps: Sequence[tuple[float | None, str]] = (),
    empty: str = "No data",
    width: int = 24,
    height: int = 8,
) -> statetimeline.Panel:
    """Return one bar per series, colored by ``words``, and by ``steps`` (a lower bound, None for
    the lowest, and a color) for numbers that have no word. Such numbers are written on the bars."""
    thresholds = [dashboard.Threshold(bound, color) for bound, color in steps or ((None, GREEN),)]
    shown = common.VisibilityMode.AUTO if steps else common.VisibilityMode.NEVER
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .no_value(empty)
        .height(height)
        .span(width)
        .show_value(shown)
        .merge_values(True)
        .row_height(0.8)
        .fill_opacity(80)
        .color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .mappings([_value_map(words)])
        .thresholds(_thresholds(thresholds))
        .legend(
            common_builders.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(not steps)
            .calcs([])
        )
        .with_target(_query(query, 0).legend_format(legend).range())
    )


def listing(
    title: str,
    description: str,
    queries: Mapping[str, str],
    *,
    labels: Mapping[str, str],
    units: Mapping[str, str] | None = None,
    widths: Mapping[str, int] | None = None,
    states: Sequence[str] = (),
    links: Mapping[str, tuple[str, str]] | None = None,
    worst: str = "",
    empty: str = "-",
    width: int = 24,
    height: int = 9,
) -> table.Panel:
    """Return a table: first a column per label of ``labels``, then one per query, by heading.

    A query whose heading is "" only brings its labels. ``states`` are columns that hold a state's
    number; ``widths`` are pixels; ``links`` are by column: a title and a URL; ``worst`` is the
    column whose highest number comes first; ``empty`` is the text without rows, and of a cell
    without a number.
    """
    made = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .no_value(empty)
        .height(height)
        .span(width)
        .with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(_columns(labels, list(queries)))
    )
    for place, query in enumerate(queries.values()):
        made.with_target(_query(query, place).format(PromQueryFormat.TABLE).instant())
    for heading, unit in (units or {}).items():
        made.override_by_name(heading, [dashboard.DynamicConfigValue("unit", unit)])
    for heading, pixels in (widths or {}).items():
        made.override_by_name(heading, [dashboard.DynamicConfigValue("custom.width", pixels)])
    for heading in states:
        made.override_by_name(heading, _state_cells())
    for heading, (label, url) in (links or {}).items():
        link = {"title": label, "url": url}
        made.override_by_name(heading, [dashboard.DynamicConfigValue("links", [link])])
    if worst:
        made.sort_by([common_builders.TableSortByFieldState().display_name(worst).desc(True)])
    return made


def _columns(labels: Mapping[str, str], headings: Sequence[str]) -> dashboard.DataTransformerConfig:
    """Order labels and values, name them by their headings, and leave out everything else.

    Grafana applies this to the names before renaming, "Value" being that of an only query.
    """
    values = [f"Value #{_ref(n)}" for n in range(len(headings))] if headings[1:] else ["Value"]
    names = {**labels, **dict(zip(values, headings, strict=True))}
    hidden = [name for name, heading in names.items() if not heading]
    return dashboard.DataTransformerConfig(
        id_val="organize",
        options={
            "indexByName": {name: place for place, name in enumerate(names)},
            "renameByName": {name: heading for name, heading in names.items() if heading},
            "excludeByName": dict.fromkeys(("Time", "__name__", "job", *hidden), True),
        },
    )


def _state_cells() -> list[dashboard.DynamicConfigValue]:
    words = {value: {"text": word, "color": color} for value, (word, color) in STATES.items()}
    return [
        dashboard.DynamicConfigValue("mappings", [{"type": "value", "options": words}]),
        dashboard.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        dashboard.DynamicConfigValue("custom.align", "left"),
    ]


def _plain_text(text: str) -> dashboard.SpecialValueMap:
    """Return the text of a missing number, in no color that a threshold has."""
    return dashboard.SpecialValueMap(
        dashboard.DashboardSpecialValueMapOptions(
            match=dashboard.SpecialValueMatch.NULL,
            result=dashboard.ValueMappingResult(text=text, color=PLAIN, index=0),
        )
    )


def _value_map(words: Words) -> dashboard.ValueMap:
    return dashboard.ValueMap(
        {
            value: dashboard.ValueMappingResult(text=word, color=color, index=place)
            for place, (value, (word, color)) in enumerate(words.items())
        }
    )


def _thresholds(steps: list[dashboard.Threshold]) -> builders.ThresholdsConfig:
    return builders.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _query(query: str, number: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query).ref_id(_ref(number)).datasource(SOURCE)


def _ref(number: int) -> str:
    return chr(ord("A") + number)
