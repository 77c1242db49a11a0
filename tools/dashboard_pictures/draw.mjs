// Draws the dashboards in headless Chromium and writes pictures of them.
//
//   node draw.mjs PROMETHEUS_URL RANGE OUT [--panels]
//
// RANGE is JSON: {"from": SECONDS, "to": SECONDS, "interval": SECONDS BETWEEN SCRAPES}. With --panels
// every panel is also a picture of its own. CHROMIUM is the browser's path, if not /usr/bin/chromium.
import { build } from 'esbuild';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import puppeteer from 'puppeteer-core';
import sharp from 'sharp';

const HERE = import.meta.dirname;
const DASHBOARDS = join(HERE, '../../deploy/grafana/dashboards');
const MODULES = join(HERE, 'node_modules');
/** Where Grafana's components look for icons and fonts, and the packages that have them. */
const FILES = [
  ['/public/build/img/', '@grafana/ui/dist/public/img/'],
  ['/public/fonts/inter/Inter-Regular.', '@fontsource/inter/files/inter-latin-400-normal.'],
  ['/public/fonts/inter/Inter-Medium.', '@fontsource/inter/files/inter-latin-500-normal.'],
];
const TYPES = { '': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script>window.__grafana_public_path__ = '/public/'</script>
<body><div id="root"></div><script src="/page.js"></script>`;
/** Values of variables if not "All" or the first one, and the row that starts a second picture. */
const PICTURES = {
  fleet: { wanted: {} },
  monitor: { wanted: { instance: 'runner-a' }, cut: 'Gateways' },
  target: { wanted: { instance: 'runner-a', target: 'registry-public-ecr' } },
};
/** Tables only draw the rows in sight: the window is higher than any dashboard. */
const WINDOW = { width: 1600, height: 5000 };

const [url, span, out, ...flags] = process.argv.slice(2);
const range = JSON.parse(span);

/** Return the files of the page by path: the bundle of src/page.jsx. */
async function bundle() {
  const made = await build({
    entryPoints: { page: join(HERE, 'src/page.jsx') },
    bundle: true,
    write: false,
    outdir: '/',
    minify: true,
    jsx: 'transform',
    define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'window' },
    loader: { '.ttf': 'empty', '.svg': 'dataurl', '.png': 'dataurl' },
    logLevel: 'error',
  });
  return new Map(made.outputFiles.map((file) => [file.path, file.contents]));
}

/** Serve the page, icons and fonts on a free port of this host. */
async function serve() {
  const files = await bundle();
  files.set('/', PAGE);
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, 'http://localhost').pathname);
    const [seen, place] = FILES.find(([start]) => path.startsWith(start)) ?? [];
    try {
      const body = seen ? await readFile(join(MODULES, path.replace(seen, place))) : files.get(path);
      response.writeHead(body ? 200 : 404, { 'Content-Type': TYPES[extname(path)] ?? '' });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Report everything that goes wrong in the page; the exit status is then 1. */
function watch(page, name) {
  const report = (text) => {
    console.error(`${name}: ${text}`);
    process.exitCode = 1;
  };
  page.on('pageerror', (error) => report(error.stack ?? error));
  page.on('requestfailed', (request) => report(`${request.url()} failed`));
  page.on('response', (one) => one.ok() || report(`${one.status()} for ${one.url()}`));
}

/** Write a picture with a palette of 256 colors, which makes it a third as large. */
async function write(picture, file, area) {
  const image = area ? sharp(picture).extract(area) : sharp(picture);
  await image.png({ palette: true, effort: 10, compressionLevel: 9 }).toFile(join(out, file));
}

/** Run in the page: whether every panel has what it draws, which tables do last. */
function isDrawn(expected) {
  const content = { timeseries: 'canvas', 'state-timeline': 'canvas', table: '[role=gridcell]' };
  const panels = [...document.querySelectorAll('.panel')];
  return (
    panels.length === expected &&
    panels.every(
      (panel) =>
        panel.dataset.empty === 'true' || panel.querySelector(content[panel.dataset.type] ?? 'span'),
    )
  );
}

async function draw(page, name) {
  const dashboard = JSON.parse(await readFile(join(DASHBOARDS, `${name}.json`), 'utf8'));
  const { wanted, cut } = PICTURES[name];
  await page.evaluate((input) => window.draw(input), { url, dashboard, wanted, range });
  const expected = dashboard.panels.filter((panel) => panel.type !== 'row').length;
  await page.waitForFunction(isDrawn, {}, expected);
  await page.waitForNetworkIdle();

  const element = await page.$('#dashboard');
  const whole = await element.screenshot();
  if (cut) {
    const headings = await page.$$eval('.heading', (all) =>
      all.map((one) => [one.textContent, Math.round(one.getBoundingClientRect().top)]),
    );
    const { width, height } = await element.boundingBox();
    const top = Object.fromEntries(headings)[cut] - 8;
    await write(whole, `dashboard-${name}.png`, { left: 0, top: 0, width, height: top });
    const rest = { left: 0, top, width, height: Math.floor(height) - top };
    await write(whole, `dashboard-${name}-network.png`, rest);
  } else {
    await write(whole, `dashboard-${name}.png`);
  }
  for (const panel of await page.$$('.panel')) {
    const [title, isEmpty] = await panel.evaluate((e) => [e.dataset.title, e.dataset.empty]);
    if (isEmpty === 'true') {
      console.log(`${name}: ${title}: empty`);
    }
    if (flags.includes('--panels')) {
      const file = `${name}-${title.toLowerCase().replace(/\W+/g, '-')}.png`;
      await write(await panel.screenshot(), file);
    }
  }
}

const server = await serve();
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--font-render-hinting=none'],
});
try {
  await mkdir(out, { recursive: true });
  for (const name of Object.keys(PICTURES)) {
    const page = await browser.newPage();
    watch(page, name);
    await page.setViewport(WINDOW);
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await draw(page, name);
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
}
