// What pages can do with a script: copy, change the theme, say times in the reader's zone, and stay fresh.
// Nothing here writes markup: text goes in as text, and fresh parts of a page come rendered and escaped from the server.
'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('js');

  const MINUTE = 60, HOUR = 3600, DAY = 86400;
  const REFRESH_MS = 700;      // shortest time between two looks at the server
  const REST = 10;             // a look that took long is followed by a rest this many times as long
  const RECHECK_MS = 60000;    // a look without any event: what is late is late without anybody saying so
  const LOST_MS = 3000;        // an interruption shorter than this is not worth a word
  const RETRY_MOST_MS = 30000; // longest wait before a stream that was refused is asked for again
  const COPIED_MS = 2000;

  // ---- times -------------------------------------------------------------------------------------------------------------
  const clock = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
  const onlyTime = new Intl.DateTimeFormat(undefined, clock);
  const dayTime = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', ...clock });
  const yearTime = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', year: 'numeric', ...clock });
  const apart = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'short' });

  function away(at) {
    const s = Math.round((at - Date.now()) / 1000), a = Math.abs(s);
    if (a < 5) return 'just now';
    if (a < MINUTE) return apart.format(s, 'second');
    if (a < HOUR) return apart.format(Math.trunc(s / MINUTE), 'minute');
    if (a < 2 * DAY) return apart.format(Math.trunc(s / HOUR), 'hour');
    return apart.format(Math.trunc(s / DAY), 'day');
  }

  function sayTimes(within) {
    for (const time of within.querySelectorAll('time[datetime]')) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      const now = new Date();
      const format = at.toDateString() === now.toDateString() ? onlyTime
        : Math.abs(at - now) < 300 * DAY * 1000 ? dayTime : yearTime;
      const text = 'ago' in time.dataset ? away(at) : format.format(at);
      if (time.textContent !== text) time.textContent = text;
      if (!time.title) time.title = yearTime.format(at) + ' (' + at.toISOString().slice(0, 19).replace('T', ' ') + ' UTC)';
    }
  }

  // ---- copy --------------------------------------------------------------------------------------------------------------
  function copyOld(text) {
    const area = document.createElement('textarea');
    area.value = text;
    area.readOnly = true;
    area.className = 'hidden';
    area.setAttribute('aria-label', 'Text to copy');
    document.body.append(area);
    const before = document.activeElement;
    area.select();
    area.setSelectionRange(0, text.length);
    let done = false;
    try { done = document.execCommand('copy'); } catch { done = false; }
    area.remove();
    if (before instanceof HTMLElement) before.focus();
    return done;
  }

  async function copy(text) {
    if (window.isSecureContext && navigator.clipboard) {
      try { await navigator.clipboard.writeText(text); return true; } catch { /* not allowed: the old way may be */ }
    }
    return copyOld(text);
  }

  async function pressCopy(button) {
    const done = await copy(button.dataset.copy);
    const label = button.querySelector('.copy-label');
    label.dataset.was ??= label.textContent;
    label.textContent = done ? '✓ Copied!' : 'Select and copy by hand';
    button.classList.toggle('done', done);
    say(done ? 'Copied to the clipboard' : 'Copying is not allowed here');
    clearTimeout(button.timer);
    button.timer = setTimeout(() => {
      label.textContent = label.dataset.was;
      button.classList.remove('done');
    }, COPIED_MS);
  }

  function say(text) {
    const place = document.getElementById('say');
    if (place) place.textContent = text;
  }

  // ---- theme -------------------------------------------------------------------------------------------------------------
  // The server writes the choice into the page from the cookie, so the first paint is right already.
  function otherTheme() {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    const theme = dark ? 'light' : 'dark';
    root.dataset.theme = theme;
    document.querySelector('meta[name="color-scheme"]').content = theme;
    document.cookie = 'theme=' + theme + '; Path=/; Max-Age=31536000; SameSite=Lax';
    say(theme === 'dark' ? 'Dark theme' : 'Light theme');
  }

  // ---- fresh parts -------------------------------------------------------------------------------------------------------
  const busy = (node) => node.contains(document.activeElement) && document.activeElement !== document.body
    || node.matches('details[open]') || node.querySelector('details[open], .copy.done') !== null;

  // What the server sent last of a part: the page itself changes when times are said in the reader's zone.
  const sent = new WeakMap();
  const remember = (node) => sent.set(node, node.outerHTML);

  function patch(old, fresh) {
    const known = new Map();
    for (const child of old.children) if (child.dataset.key) known.set(child.dataset.key, child);
    let at = old.firstElementChild;
    for (const child of [...fresh.children]) {
      let mine = known.get(child.dataset.key);
      known.delete(child.dataset.key);
      if (mine && sent.get(mine) !== child.outerHTML && !busy(mine)) {
        const next = document.importNode(child, true);
        sent.set(next, child.outerHTML);
        if (at === mine) at = next;
        mine.replaceWith(next);
        next.classList.add('fresh');
        sayTimes(next);
        mine = next;
      } else if (!mine) {
        mine = document.importNode(child, true);
        sent.set(mine, child.outerHTML);
        sayTimes(mine);
      }
      if (mine === at) at = at.nextElementSibling;
      else old.insertBefore(mine, at);
    }
    for (const gone of known.values()) if (!busy(gone)) gone.remove();
  }

  let waiting = null, last = 0, took = 0, again = false, running = false;

  async function refresh() {
    if (running) { again = true; return; }
    running = true;
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, redirect: 'manual' });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      document.title = page.title;
      for (const part of document.querySelectorAll('[data-part]')) {
        const fresh = page.querySelector('[data-part="' + part.dataset.part + '"]');
        if (fresh) patch(part, fresh);
      }
    } catch { /* the stream tells when the hub is away */ } finally {
      took = Date.now() - last;
      running = false;
      if (again) { again = false; soon(); }
    }
  }

  function soon() {
    if (waiting || document.hidden) { again = again || document.hidden; return; }
    waiting = setTimeout(() => { waiting = null; refresh(); }, Math.max(0, Math.max(REFRESH_MS, REST * took) - (Date.now() - last)));
  }

  // Whether something that happened can change this page; what says no host may.
  function matters(event) {
    let host = null;
    try { host = JSON.parse(event.data).host_id ?? null; } catch { /* not about one host */ }
    if (host === null) return true;
    const [, first, id] = location.pathname.split('/');
    if (first === 'hosts') return decodeURIComponent(id ?? '') === host;
    return event.type !== 'beat' || document.querySelector('[data-key="' + CSS.escape(host) + '"]') !== null;
  }

  function listen() {
    if (!document.body.hasAttribute('data-live') || !document.querySelector('[data-part]') || !window.EventSource) return;
    for (const part of document.querySelectorAll('[data-part] > [data-key]')) remember(part);
    const lost = document.getElementById('lost');
    let timer = null, stream = null, wait = LOST_MS;
    const open = () => {
      const rows = [...document.querySelectorAll('tr[data-key]')].map((row) => row.dataset.key);
      const [, place, id] = location.pathname.split('/');
      const hosts = place === 'hosts' && id ? [decodeURIComponent(id)] : rows.filter((key) => /^[A-Za-z0-9]/.test(key)).slice(0, 100);
      stream = new EventSource('/api/v1/events?hosts=' + encodeURIComponent(hosts.join(',')));
      let first = true;
      stream.onopen = () => {
        clearTimeout(timer);
        timer = null;
        wait = LOST_MS;
        if (!lost.hidden || !first) soon();
        lost.hidden = true;
        first = false;
      };
      stream.onerror = () => {
        timer ??= setTimeout(() => { lost.hidden = false; }, LOST_MS);
        if (stream.readyState === EventSource.CLOSED) {
          setTimeout(open, wait);
          wait = Math.min(2 * wait, RETRY_MOST_MS);
        }
      };
      for (const kind of ['message', 'host', 'beat', 'hosts', 'alert', 'alerts', 'counts', 'changed']) {
        stream.addEventListener(kind, (event) => { if (matters(event)) soon(); });
      }
    };
    open();
    setInterval(soon, RECHECK_MS);
    document.addEventListener('visibilitychange', () => { if (!document.hidden) { again = false; soon(); } });
    window.addEventListener('pagehide', () => stream.close());
    window.addEventListener('pageshow', (event) => { if (event.persisted) { open(); soon(); } });
  }

  // ---- forms -------------------------------------------------------------------------------------------------------------
  // Shows only the fields of the schedule that is chosen; without a script all are shown, each says when it counts.
  function schedule() {
    const choice = document.getElementById('schedule_type');
    if (!choice) return;
    const show = () => {
      for (const part of document.querySelectorAll('[data-schedule]')) part.hidden = part.dataset.schedule !== choice.value;
    };
    choice.addEventListener('change', show);
    show();
  }

  document.addEventListener('DOMContentLoaded', () => {
    listen();
    sayTimes(document);
    schedule();
    setInterval(() => sayTimes(document), 5000);
    const zone = document.getElementById('zone');
    if (zone) zone.textContent = '· Times are in your zone, ' + Intl.DateTimeFormat().resolvedOptions().timeZone;
    const theme = document.getElementById('theme');
    if (theme) theme.addEventListener('click', otherTheme);
    document.addEventListener('click', (event) => {
      const button = event.target.closest('[data-copy]');
      if (button) pressCopy(button);
      for (const menu of document.querySelectorAll('details.menu[open]')) if (!menu.contains(event.target)) menu.open = false;
    });
    document.addEventListener('keydown', (event) => {
      const menu = document.querySelector('details.menu[open]');
      if (event.key === 'Escape' && menu) { menu.open = false; menu.querySelector('summary').focus(); }
    });
  });
})();
