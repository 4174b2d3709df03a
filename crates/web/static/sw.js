// Caches the immutable files and the offline page. Pages of players are never cached: phones are
// shared. The server prepends FILES and VERSION.
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
