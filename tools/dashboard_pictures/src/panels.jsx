// One component per panel type of the dashboards.
import React from 'react';
import { ReducerID, applyNullInsertThreshold, getFieldDisplayValues } from '@grafana/data';
import { BigValue, TimeSeries, VizRepeater, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { fieldConfig } from './data.js';
import { StateTimeline } from './state-timeline.jsx';

function Stat({ panel, frames, width, height, timeZone }) {
  const theme = useTheme2();
  const options = panel.options;
  const values = () =>
    getFieldDisplayValues({
      data: frames,
      fieldConfig: fieldConfig(panel),
      reduceOptions: { calcs: [ReducerID.lastNotNull], values: false, ...options.reduceOptions },
      replaceVariables: (text) => text,
      theme,
      timeZone,
    });
  return (
    <VizRepeater
      getValues={values}
      source={frames}
      width={width}
      height={height}
      orientation={options.orientation}
      autoGrid
      itemSpacing={3}
      renderValue={({ value, width: w, height: h, count }) => (
        <BigValue
          value={value.display}
          width={w}
          height={h}
          count={count}
          theme={theme}
          colorMode={options.colorMode}
          graphMode={options.graphMode}
          justifyMode={options.justifyMode}
          textMode={options.textMode}
        />
      )}
    />
  );
}

function Graph({ panel, frames, width, height, timeRange, timeZone }) {
  // As Grafana's own panel does: a missing point is a gap, not a line to the next one.
  const withGaps = frames.map((frame) =>
    applyNullInsertThreshold({
      frame,
      refFieldPseudoMin: timeRange.from.valueOf(),
      refFieldPseudoMax: timeRange.to.valueOf(),
    }),
  );
  return (
    <TimeSeries
      frames={withGaps}
      width={width}
      height={height}
      timeRange={timeRange}
      timeZone={timeZone}
      legend={panel.options.legend}
      options={panel.options}
    />
  );
}

function Table({ panel, frames, width, height, timeRange }) {
  const options = panel.options ?? {};
  return (
    <TableNG
      data={frames[0]}
      width={width}
      height={height}
      timeRange={timeRange}
      cellHeight={options.cellHeight ?? 'sm'}
      noHeader={options.showHeader === false}
      initialSortBy={options.sortBy}
      fieldConfig={fieldConfig(panel)}
      disableSanitizeHtml={false}
      structureRev={1}
      enableVirtualization={false}
      getActions={() => []}
    />
  );
}

/** Components by panel type, and the padding that Grafana gives each. */
export const PANELS = {
  stat: { component: Stat },
  timeseries: { component: Graph },
  table: { component: Table, padding: 'none' },
  'state-timeline': { component: StateTimeline },
};
