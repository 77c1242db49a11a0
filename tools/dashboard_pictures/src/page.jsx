// The page that is photographed: the header of a dashboard and its panels on Grafana's grid.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { ThemeContext, createTheme, dateTime } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, PanelChrome } from '@grafana/ui';
import { configured, query } from './data.js';
import { PANELS } from './panels.jsx';
import { resolve } from './variables.js';

const COLUMNS = 24;
const ROW = 30;
const GAP = 8;
const WIDTH = 1600;
const MARGIN = 16;

const theme = createTheme({ colors: { mode: 'dark' } });
const timeZone = 'utc';

/** Place and size of a panel in pixels, by Grafana's grid. */
function place({ x, y, w, h }) {
  const cell = (WIDTH - 2 * MARGIN - GAP * (COLUMNS - 1)) / COLUMNS;
  return {
    left: Math.round(x * (cell + GAP)),
    top: y * (ROW + GAP),
    width: Math.round(w * cell + (w - 1) * GAP),
    height: h * ROW + (h - 1) * GAP,
  };
}

function Header({ dashboard, shown, timeRange }) {
  const chip = { background: theme.colors.background.secondary, padding: '4px 8px' };
  const format = 'YYYY-MM-DD HH:mm:ss';
  return (
    <div style={{ display: 'flex', gap: 16, alignItems: 'center', marginBottom: 12 }}>
      <div style={{ fontSize: 18, fontWeight: 500 }}>{dashboard.title}</div>
      {shown.map(({ label, text }) => (
        <div key={label} style={chip}>
          <span style={{ color: theme.colors.text.secondary }}>{label}</span> {text}
        </div>
      ))}
      <div style={{ ...chip, marginLeft: 'auto' }}>
        {timeRange.from.utc().format(format)} to {timeRange.to.utc().format(format)} UTC
      </div>
    </div>
  );
}

function Panel({ panel, data, timeRange }) {
  const { width, height, ...position } = place(panel.gridPos);
  const style = { position: 'absolute', ...position, width, height };
  if (panel.type === 'row') {
    return (
      <div className="heading" style={{ ...style, fontWeight: 500, fontSize: 16, paddingTop: 4 }}>
        {panel.title}
      </div>
    );
  }
  const { component: Drawn, padding } = PANELS[panel.type];
  const frames = configured(panel, data, theme, timeZone);
  const isEmpty = panel.type !== 'stat' && !frames.some((frame) => frame.length > 0);
  const drawn = { 'data-title': panel.title, 'data-type': panel.type, 'data-empty': isEmpty };
  return (
    <div className="panel" {...drawn} style={style}>
      <PanelChrome
        title={panel.title}
        description={panel.description}
        width={width}
        height={height}
        padding={padding}
      >
        {(w, h) =>
          isEmpty ? (
            <div style={{ display: 'grid', placeItems: 'center', width: w, height: h }}>
              {panel.fieldConfig.defaults.noValue ?? 'No data'}
            </div>
          ) : (
            <Drawn {...{ panel, frames, timeRange, timeZone }} width={w} height={h} />
          )
        }
      </PanelChrome>
    </div>
  );
}

function Dashboard({ dashboard, data, shown, timeRange }) {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div id="dashboard" style={{ width: WIDTH, padding: MARGIN, boxSizing: 'border-box' }}>
        <Header {...{ dashboard, shown, timeRange }} />
        <div style={{ position: 'relative', height: bottom * (ROW + GAP) - GAP }}>
          {dashboard.panels.map((panel, index) => (
            <Panel key={index} {...{ panel, timeRange }} data={data[index]} />
          ))}
        </div>
      </div>
    </ThemeContext.Provider>
  );
}

/** Draw a dashboard. Called by draw.mjs; resolves when the page can be photographed. */
window.draw = async ({ url, dashboard, wanted, range }) => {
  await initPluginTranslations('dashboard-pictures');
  const { values, shown } = await resolve(url, dashboard, wanted, range);
  const data = await Promise.all(
    dashboard.panels.map((panel) =>
      panel.type === 'row' ? [] : query(url, panel, values, range),
    ),
  );
  const [from, to] = [dateTime(range.from * 1000), dateTime(range.to * 1000)];
  const timeRange = { from, to, raw: { from, to } };
  await document.fonts.load('14px Inter');
  await document.fonts.load('500 14px Inter');
  createRoot(document.getElementById('root')).render(
    <Dashboard {...{ dashboard, data, shown, timeRange }} />,
  );
};
