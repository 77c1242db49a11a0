// Queries of a panel, answered by Prometheus' HTTP API as the data frames that Grafana's Prometheus
// data source makes of them.
import { FieldType } from '@grafana/data';

const POINTS = 400;

/** Step of range queries in seconds, and the window that $__rate_interval stands for. */
export function steps(range) {
  const { from, to, interval } = range;
  const step = Math.max(interval, Math.ceil((to - from) / POINTS));
  return { step, rateInterval: Math.max(step + interval, 4 * interval) };
}

/** Call one endpoint of the API; an error of Prometheus is thrown with its own words. */
export async function get(url, path, parameters) {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const body = await response.json();
  if (body.status !== 'success') {
    throw new Error(`${JSON.stringify(parameters)}: ${body.error}`);
  }
  return body.data;
}

/** Return the data frames of one query. */
export async function frames(url, target, expr, range, isOnlyOne) {
  if (target.range) {
    const { step } = steps(range);
    const start = Math.floor(range.from / step) * step;
    const end = Math.floor(range.to / step) * step;
    const data = await get(url, 'query_range', { query: expr, start, end, step });
    return data.result.map((series) => seriesFrame(target, series.metric, series.values, step));
  }
  const data = await get(url, 'query', { query: expr, time: range.to });
  if (target.format === 'table') {
    return [tableFrame(target.refId, data.result, isOnlyOne)];
  }
  return data.result.map((series) => seriesFrame(target, series.metric, [series.value], undefined));
}

function seriesFrame(target, labels, points, step) {
  const name = legend(target.legendFormat, labels);
  const time = { name: 'Time', type: FieldType.time, values: points.map(([at]) => at * 1000) };
  const value = {
    name: 'Value',
    type: FieldType.number,
    labels,
    values: points.map(([, text]) => Number(text)),
  };
  return {
    refId: target.refId,
    name,
    length: points.length,
    fields: [
      { ...time, config: { interval: step && step * 1000 } },
      { ...value, config: { displayNameFromDS: name } },
    ],
  };
}

function legend(format, labels) {
  if (!format) {
    const { __name__: name = '', ...others } = labels;
    const parts = Object.entries(others).map(([key, value]) => `${key}="${value}"`);
    return parts.length ? `${name}{${parts.join(', ')}}` : name || 'Value';
  }
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

function tableFrame(refId, result, isOnlyOne) {
  if (result.length === 0) {
    return { refId, length: 0, fields: [] };
  }
  const labels = [...new Set(result.flatMap((row) => Object.keys(row.metric)))].sort();
  const column = (name, type, values) => ({ name, type, values, config: {} });
  return {
    refId,
    length: result.length,
    fields: [
      column('Time', FieldType.time, result.map((row) => row.value[0] * 1000)),
      ...labels.map((label) =>
        column(label, FieldType.string, result.map((row) => row.metric[label] ?? '')),
      ),
      column(
        isOnlyOne ? 'Value' : `Value #${refId}`,
        FieldType.number,
        result.map((row) => Number(row.value[1])),
      ),
    ],
  };
}
