import { crc32 } from 'node:zlib';

const SIGNATURE_LENGTH = 8;

/** Put a text into a PNG, right after its header (a tEXt chunk); return the new PNG. */
export function withText(png, keyword, text) {
  const header = SIGNATURE_LENGTH + 12 + png.readUInt32BE(SIGNATURE_LENGTH);
  const chunk = chunkOf('tEXt', Buffer.from(`${keyword}\0${text}`, 'latin1'));
  return Buffer.concat([png.subarray(0, header), chunk, png.subarray(header)]);
}

function chunkOf(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
