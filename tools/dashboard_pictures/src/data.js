// From a panel's JSON to the frames that its component draws: queries, transformations, and the
// field configuration with its overrides. @grafana/data does the last two.
import {
  FieldColorModeId,
  FieldType,
  applyFieldOverrides,
  cacheFieldDisplayNames,
  identityOverrideProcessor,
  Registry,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import { frames } from './prometheus.js';
import { replace } from './variables.js';

// Some transformers are exported under two names.
const TRANSFORMERS = new Map(Object.values(standardTransformers).map((one) => [one.id, one]));
standardTransformersRegistry.setInit(() =>
  [...TRANSFORMERS].map(([id, one]) => ({ id, name: one.name, transformation: one })),
);

const GRAPH = {
  drawStyle: 'line',
  lineInterpolation: 'linear',
  lineWidth: 1,
  fillOpacity: 0,
  gradientMode: 'none',
  spanNulls: false,
  insertNulls: false,
  showPoints: 'auto',
  pointSize: 5,
  stacking: { mode: 'none', group: 'A' },
  axisPlacement: 'auto',
  axisLabel: '',
  axisColorMode: 'text',
  axisBorderShow: false,
  axisCenteredZero: false,
  scaleDistribution: { type: 'linear' },
  hideFrom: { legend: false, tooltip: false, viz: false },
  thresholdsStyle: { mode: 'off' },
};
const CELL = { align: 'auto', cellOptions: { type: 'auto' }, inspect: false };

/** Defaults of the field options, which Grafana's own panels bring along. */
const DEFAULTS = {
  timeseries: { color: { mode: FieldColorModeId.PaletteClassic }, custom: GRAPH },
  stat: { color: { mode: FieldColorModeId.Thresholds } },
  table: { color: { mode: FieldColorModeId.Thresholds }, custom: CELL },
  'state-timeline': { color: { mode: FieldColorModeId.Thresholds } },
};
const OPTIONS = ['unit', 'min', 'max', 'decimals', 'mappings', 'thresholds', 'color', 'noValue'];
const CUSTOM = [...Object.keys(GRAPH), ...Object.keys(CELL), 'axisSoftMax', 'width'];
const registry = new Registry(() =>
  [...OPTIONS, 'links', ...CUSTOM.map((key) => `custom.${key}`)].map((id) => ({
    id,
    name: id,
    path: id.replace(/^custom\./, ''),
    isCustom: id.startsWith('custom.'),
    process: identityOverrideProcessor,
    shouldApply: () => true,
  })),
);

/** Return the field configuration of a panel, completed by the defaults of its type. */
export function fieldConfig(panel) {
  const base = DEFAULTS[panel.type];
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const unknown = overrides
    .flatMap((override) => override.properties)
    .filter((property) => !registry.getIfExists(property.id));
  if (unknown.length) {
    throw new Error(`${panel.title}: the override ${unknown[0].id} is not supported`);
  }
  const custom = { ...base.custom, ...defaults.custom };
  if (custom.stacking) {
    custom.stacking = { group: 'A', ...custom.stacking };
  }
  return { defaults: { ...base, ...defaults, custom }, overrides };
}

/** Ask for the data of a panel. */
export async function query(url, panel, values, range) {
  const targets = panel.targets ?? [];
  const answers = await Promise.all(
    targets.map((target) =>
      frames(url, target, replace(target.expr, values), range, targets.length === 1),
    ),
  );
  return lastValueFrom(transformDataFrame(panel.transformations ?? [], answers.flat()));
}

/** Apply the field configuration: units, mappings, thresholds, colors. */
export function configured(panel, data, theme, timeZone) {
  const frames = applyFieldOverrides({
    data: data.map((frame) => ({ ...frame, fields: frame.fields.map(finite) })),
    fieldConfig: fieldConfig(panel),
    fieldConfigRegistry: registry,
    replaceVariables: (text) => text,
    theme,
    timeZone,
  });
  cacheFieldDisplayNames(frames);
  return frames;
}

/** NaN, such as a quantile of nothing, is a gap. */
function finite(field) {
  if (field.type !== FieldType.number) {
    return field;
  }
  return { ...field, values: field.values.map((value) => (Number.isFinite(value) ? value : null)) };
}
