// Variables of a dashboard: their values come from Prometheus, and replace their names in queries.
import { get, steps } from './prometheus.js';

const CALL = /^label_values\((.+), (\w+)\)$/;

/** Return the value of each variable: the wanted one, else "All", else the first one. */
export async function resolve(url, dashboard, wanted, range) {
  const { step, rateInterval } = steps(range);
  const values = {
    __interval: `${step}s`,
    __rate_interval: `${rateInterval}s`,
    __range: `${range.to - range.from}s`,
  };
  const shown = [];
  for (const variable of dashboard.templating.list.filter((one) => one.type === 'query')) {
    const [, series, label] = CALL.exec(variable.query.query);
    const options = await get(url, `label/${label}/values`, {
      'match[]': replace(series, values),
      start: range.from,
      end: range.to,
    });
    if (wanted[variable.name] !== undefined && !options.includes(wanted[variable.name])) {
      throw new Error(`${variable.name}: ${wanted[variable.name]} is not among ${options}`);
    }
    const one = wanted[variable.name] ?? (variable.includeAll ? undefined : options[0]);
    values[variable.name] = one ?? variable.allValue;
    shown.push({ label: variable.label, text: one ?? 'All' });
  }
  return { values, shown };
}

/** Put values in the place of $name and ${name}; an unknown name is an error. */
export function replace(text, values) {
  return text.replace(/\$\{?(\w+)\}?/g, (_, name) => {
    if (!(name in values)) {
      throw new Error(`there is no variable ${name} (in ${text})`);
    }
    return values[name];
  });
}
