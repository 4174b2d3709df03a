// Keeps the files that never change and the page for when there is no network. No page of a player
// is ever kept: telephones are shared. FILES and VERSION are put in front when this is served.
const KEPT = 'openbell-' + VERSION
addEventListener('install', event => {
  event.waitUntil(caches.open(KEPT).then(kept => kept.addAll(FILES)).then(() => skipWaiting()))
})
addEventListener('activate', event => {
  const old = names => Promise.all(names.filter(name => name !== KEPT).map(name => caches.delete(name)))
  event.waitUntil(caches.keys().then(old).then(() => clients.claim()))
})
addEventListener('fetch', event => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== location.origin) return
  if (url.pathname.startsWith('/static/')) {
    event.respondWith(caches.match(request).then(found => found || fetch(request)))
  } else if (request.mode === 'navigate') {
    event.respondWith(fetch(request).catch(() => caches.match('/offline')))
  }
})
