// The state timeline. No package of Grafana has this panel, so that its bars are drawn here, on
// Grafana's chart and axes and with the colors of the mappings. Rows, merging and gaps are the
// same; the exact height and labels of Grafana's own panel may differ.
import React, { useMemo } from 'react';
import { getFieldDisplayName } from '@grafana/data';
import { UPlotChart, UPlotConfigBuilder, VizLayout, VizLegend, useTheme2 } from '@grafana/ui';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';

const LONGEST_GAP = 1.5;

/** Return the runs of one value: start and end in milliseconds, and the color. */
function runs(frame) {
  const [time, value] = frame.fields;
  const step = time.config.interval;
  const found = [];
  time.values.forEach((at, index) => {
    const shown = value.display(value.values[index]);
    const last = found.at(-1);
    if (last && at - last.to < LONGEST_GAP * step) {
      last.to = at;
    }
    if (!last || last.to !== at || last.text !== shown.text) {
      found.push({ from: at, to: at, text: shown.text, color: shown.color });
    }
  });
  return found;
}

function config(frames, panel, theme, timeRange, timeZone) {
  const builder = new UPlotConfigBuilder(timeZone);
  const rows = frames.map(runs);
  const names = frames.map((frame) => getFieldDisplayName(frame.fields[1], frame, frames));
  const bounds = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  builder.addScale({
    scaleKey: 'x',
    isTime: true,
    orientation: ScaleOrientation.Horizontal,
    direction: ScaleDirection.Right,
    range: () => bounds,
  });
  builder.addScale({
    scaleKey: 'y',
    isTime: false,
    orientation: ScaleOrientation.Vertical,
    direction: ScaleDirection.Down,
    range: () => [0, rows.length],
  });
  builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone, theme });
  builder.addAxis({
    scaleKey: 'y',
    isTime: false,
    placement: AxisPlacement.Left,
    splits: () => names.map((_, index) => index + 0.5),
    values: () => names,
    grid: { show: false },
    ticks: { show: false },
    gap: 16,
    theme,
  });
  const share = panel.options.rowHeight;
  builder.addHook('draw', (u) => {
    u.ctx.save();
    u.ctx.globalAlpha = panel.fieldConfig.defaults.custom.fillOpacity / 100;
    rows.forEach((row, index) =>
      row.forEach((run) => {
        const left = Math.round(u.valToPos(run.from, 'x', true));
        const right = Math.round(u.valToPos(run.to, 'x', true));
        const top = u.valToPos(index + (1 - share) / 2, 'y', true);
        const bottom = u.valToPos(index + (1 + share) / 2, 'y', true);
        u.ctx.fillStyle = run.color;
        u.ctx.fillRect(left, top, right - left, bottom - top);
        if (panel.options.showValue !== 'never') {
          write(u.ctx, theme, run.text, { left, right, middle: (top + bottom) / 2 });
        }
      }),
    );
    u.ctx.restore();
  });
  return builder;
}

/** Write a value at the left end of its bar, if there is room. */
function write(context, theme, text, { left, right, middle }) {
  const inset = 6 * devicePixelRatio;
  context.font = `500 ${12 * devicePixelRatio}px ${theme.typography.fontFamily}`;
  if (context.measureText(text).width + 2 * inset < right - left) {
    context.fillStyle = theme.colors.text.maxContrast;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    context.fillText(text, left + inset, middle);
  }
}

/** The legend: the words and colors of the mappings whose values occur. */
function legendItems(frames, panel, theme) {
  const seen = new Set(frames.flatMap(runs).map((run) => run.text));
  return panel.fieldConfig.defaults.mappings
    .flatMap((mapping) => Object.values(mapping.options))
    .filter(({ text }) => seen.has(text))
    .map(({ text, color }) => ({
      label: text,
      color: theme.visualization.getColorByName(color),
      yAxis: 1,
    }));
}

export function StateTimeline({ panel, frames, width, height, timeRange, timeZone }) {
  const theme = useTheme2();
  const builder = useMemo(() => config(frames, panel, theme, timeRange, timeZone), [frames]);
  const { legend } = panel.options;
  const drawn = legend.showLegend ? (
    <VizLayout.Legend placement={legend.placement}>
      <VizLegend
        items={legendItems(frames, panel, theme)}
        placement={legend.placement}
        displayMode={legend.displayMode}
        readonly
      />
    </VizLayout.Legend>
  ) : null;
  return (
    <VizLayout width={width} height={height} legend={drawn}>
      {(w, h) => <UPlotChart config={builder} data={[[], []]} width={w} height={h} />}
    </VizLayout>
  );
}
