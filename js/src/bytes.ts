/** Copy what a host hands over for a binary value to a buffer of its own, aligned and exact. */
export function toBytes(value: unknown): ArrayBuffer {
  if (typeof value === "string") return fromBase64(value);
  if (value instanceof ArrayBuffer) return value;
  if (ArrayBuffer.isView(value)) {
    const copy = new Uint8Array(value.byteLength);
    copy.set(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    return copy.buffer;
  }
  return new ArrayBuffer(0);
}

function fromBase64(text: string): ArrayBuffer {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  } catch {
    return new ArrayBuffer(0);
  }
}

/** Cut to `length` values, or pad with zeros, so that a short message cannot make a hole in the picture. */
function exactly<T extends Float32Array | Uint8Array>(from: T, into: T): T {
  into.set(from.subarray(0, into.length));
  return into;
}

const whole = (buffer: ArrayBuffer, size: number): number => Math.floor(buffer.byteLength / size);

/** Decode little-endian float32, cut or padded to `length` where one is given. */
export function float32(value: unknown, length?: number): Float32Array {
  const bytes = toBytes(value);
  const found = new Float32Array(bytes, 0, whole(bytes, 4));
  return length === undefined ? found : exactly(found, new Float32Array(length));
}

/** Decode uint8, cut or padded to `length`. */
export function uint8(value: unknown, length: number): Uint8Array {
  return exactly(new Uint8Array(toBytes(value)), new Uint8Array(length));
}
