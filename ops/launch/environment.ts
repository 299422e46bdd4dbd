/**
 * What every node.js process of ours is started with. Two arenas of malloc (mallopt(3)) instead of eight a core: what
 * threads, LevelDB and the driver free goes back sooner; a ledger node keeps about 30 MiB less (docs/performance.md).
 */
export const NODE_ENVIRONMENT = { UV_THREADPOOL_SIZE: '4', MALLOC_ARENA_MAX: '2' } as const;
