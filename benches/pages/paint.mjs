// How long pages take to their first contentful paint, each time in a browser that has nothing cached: prints one JSON array a page.
import { createRequire } from 'node:module';

const [modules, executablePath, base, cookie, times, ...paths] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)('playwright-core');
const [name, ...value] = cookie.split('=');

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
const figures = [];
for (const path of paths) {
  const own = [];
  for (let n = 0; n < Number(times); n += 1) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    await context.addCookies([{ name, value: value.join('='), url: base }]);
    const page = await context.newPage();
    const answer = await page.goto(base + path, { waitUntil: 'load' });
    if (answer.status() !== 200 || new URL(page.url()).pathname !== path.split('?')[0]) throw new Error(`${path}: ${answer.status()} ${page.url()}`);
    const painted = await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    own.push(await painted.jsonValue());
    await context.close();
  }
  figures.push(own);
}
await browser.close();
console.log(JSON.stringify(figures));
