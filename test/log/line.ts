/** A line between a client and a broker that can be cut, or made to swallow answers, all of them or that to one request. */
import { connect, createServer, type Socket } from 'node:net'

export interface Line {
  readonly port: number
  /** What it has done so far: connections cut, bytes of answers swallowed. */
  readonly harm: { readonly cut: number; readonly swallowed: number }
  /** `open`: passes everything. `closed`: cuts all connections, refuses new ones. `deaf`: requests pass, answers do not. */
  set(state: 'open' | 'closed' | 'deaf'): Promise<void>
  /** The next request of that api (Kafka's number for it) passes, its answer does not: all connections are cut instead. Resolves then. */
  loseAnswer(api: number): Promise<void>
  /** Resolves when the next request of that api passes. */
  request(api: number): Promise<void>
  close(): Promise<void>
}

/** Of a frame: its length without that, then the api. */
const [LENGTH_BYTES, API_BYTES] = [4, 2]

/** Tells `heard` of the api of each request, from the bytes of a connection as they come. */
function apisOf(heard: (api: number) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  /** Of a request whose head was seen. */
  let left = 0
  return chunk => {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    for (;;) {
      const skipped = Math.min(left, rest.length)
      left -= skipped
      rest = rest.subarray(skipped)
      if (left > 0 || rest.length < LENGTH_BYTES + API_BYTES) return
      heard(rest.readInt16BE(LENGTH_BYTES))
      left = LENGTH_BYTES + rest.readInt32BE(0)
    }
  }
}

/** @param target the broker's port, asked at each connection: it may not be known yet */
export async function startLine(target: () => number): Promise<Line> {
  let deaf = false
  const awaited = new Map<number, () => void>()
  let losing: { readonly api: number; readonly lost: () => void } | undefined
  let port = 0
  const harm = { cut: 0, swallowed: 0 }
  const sockets = new Set<Socket>()
  const hold = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  }
  const server = createServer(client => {
    const broker = connect(target(), '127.0.0.1')
    hold(client)
    hold(broker)
    let lost: (() => void) | undefined
    const look = apisOf(api => {
      awaited.get(api)?.()
      awaited.delete(api)
      if (losing?.api !== api) return
      lost = losing.lost
      losing = undefined
    })
    client.on('data', look)
    client.pipe(broker)
    broker.on('data', chunk => {
      if (lost !== undefined) void reopen().then(lost)
      else if (deaf) harm.swallowed += chunk.length
      else client.write(chunk)
    })
    broker.on('close', () => client.destroy())
    client.on('close', () => broker.destroy())
  })
  const listen = (port: number) => new Promise<void>(resolve => void server.listen(port, '127.0.0.1', resolve))
  const cut = () =>
    new Promise<void>(resolve => {
      if (!server.listening) return resolve()
      server.close(() => resolve())
      harm.cut += sockets.size / 2
      for (const socket of sockets) socket.destroy()
    })
  const set: Line['set'] = async state => {
    deaf = state === 'deaf'
    if (state === 'closed') await cut()
    else if (!server.listening) await listen(port)
  }
  const reopen = () => set('closed').then(() => set('open'))
  await listen(0)
  port = (server.address() as { port: number }).port
  return {
    port,
    harm,
    set,
    loseAnswer: api =>
      new Promise(lost => {
        losing = { api, lost }
      }),
    request: api => new Promise(seen => void awaited.set(api, seen)),
    close: cut,
  }
}
