import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { instantiate, type Memory } from '../../src/wasm/module.ts'
import { createRing, NOWHERE } from '../../src/wasm/ring.ts'

const memoryOf = (): Memory => instantiate<{ memory: Memory }>([]).memory
const piece = (value: number, bytes = 64): Uint8Array => new Uint8Array(bytes).fill(value)

test('what was put is found until as much has been put as the ring holds', () => {
  const own = memoryOf()
  const ring = createRing(own, 10 * 64)
  assert.equal(ring.addressOf(NOWHERE), NOWHERE)
  const memory = ring.hold(100, 64)
  const lines = Array.from({ length: 25 }, (_, n) => ring.put(piece(n)))
  for (const [n, line] of lines.entries()) {
    const at = ring.addressOf(line)
    if (n < 15) assert.equal(at, NOWHERE)
    else assert.deepEqual(memory.subarray(at, at + 64), piece(n))
    assert.ok(at < 0 || at >= 100)
  }
})

test('a piece is in one piece: what does not fit before the end begins at the start', () => {
  const ring = createRing(memoryOf(), 10 * 64)
  const memory = ring.hold(0, 4 * 64)
  const lines = Array.from({ length: 7 }, (_, n) => ring.put(piece(n, 3 * 64 + 1)))
  const there = lines.filter(line => ring.addressOf(line) >= 0)
  assert.ok(there.length >= 2 && there.length < 7)
  for (const line of there) {
    const at = ring.addressOf(line)
    assert.deepEqual(memory.subarray(at, at + 193), piece(lines.indexOf(line), 193))
  }
})

test('behind a piece there are zeros up to the end of its line, whatever stood there', () => {
  const ring = createRing(memoryOf(), 10 * 64)
  const memory = ring.hold(0, 4 * 64)
  for (let n = 0; n < 10; n++) ring.put(piece(255))
  const at = ring.addressOf(ring.put(piece(7, 65)))
  assert.deepEqual(
    memory.subarray(at, at + 128),
    Uint8Array.from({ length: 128 }, (_, i) => (i < 65 ? 7 : 0)),
  )
  assert.equal(memory[at + 128], 255)
})

test('more room before the ring, or a larger piece, moves it: nothing of before is found', () => {
  const ring = createRing(memoryOf(), 10 * 64)
  for (const [before, bytes] of [
    [0, 64],
    [100, 64],
    [300, 20 * 64],
  ] as const) {
    ring.hold(before, bytes)
    const line = ring.put(piece(1, bytes))
    assert.ok(ring.addressOf(line) >= before)
    ring.hold(before, bytes)
    assert.ok(ring.addressOf(line) >= before)
    ring.hold(before + 64, bytes)
    assert.equal(ring.addressOf(line), NOWHERE)
  }
})

describe('a ring that may grow', () => {
  const most = 40 * 64
  /** Looks for `count` pieces again and again, as who reads them does. @returns how many had to be put in the last round */
  function read(ring: ReturnType<typeof createRing>, count: number, rounds: number): number {
    const lines = new Array<number>(count).fill(NOWHERE)
    let puts = 0
    for (let round = 0; round < rounds; round++) {
      const memory = ring.hold(0, 64)
      puts = 0
      for (const [n, line] of lines.entries()) {
        if (ring.addressOf(line) < 0) {
          lines[n] = ring.put(piece(n % 251))
          puts++
        }
        const at = ring.addressOf(lines[n])
        assert.deepEqual(memory.subarray(at, at + 64), piece(n % 251))
      }
    }
    return puts
  }
  test('grows until it holds what is looked for again and again', () => {
    assert.equal(read(createRing(memoryOf(), 10 * 64, most), 35, 12), 0)
    assert.equal(read(createRing(memoryOf(), 10 * 64), 35, 12), 35)
  })
  test('to no more than the most', () => {
    const ring = createRing(memoryOf(), 10 * 64, most)
    assert.equal(read(ring, 50, 12), 50)
    assert.equal(read(createRing(memoryOf(), 10 * 64, 2 * most), 50, 12), 0)
  })
  test('where the memory is refused it stays as large as it is, and holds what is put', () => {
    const own = memoryOf()
    const refusing: Memory = {
      get buffer() {
        return own.buffer
      },
      grow: pages => {
        if (own.buffer.byteLength > 65536) throw new RangeError('refused')
        return own.grow(pages)
      },
    } as Memory
    const lines = 1024 + 100
    assert.equal(read(createRing(refusing, lines * 64, 8 * lines * 64), 2000, 12), 2000)
  })
  test('stays as it is where what comes is new each time, and where few were written over', () => {
    const ring = createRing(memoryOf(), 10 * 64, most)
    ring.hold(0, 64)
    const lines = Array.from({ length: 60 }, (_, n) => {
      if (n % 3 === 0) ring.addressOf(0) // one of three
      ring.hold(0, 64)
      return ring.put(piece(n % 256))
    })
    assert.ok(lines.slice(-10).every(line => ring.addressOf(line) >= 0))
    assert.equal(ring.addressOf(lines.at(-11)!), NOWHERE)
  })
})
