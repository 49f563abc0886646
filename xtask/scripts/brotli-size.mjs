// Prints how many bytes a file has after brotli at its best, as a server would send it.
import { readFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const content = readFileSync(process.argv[2]);
const params = {
  [constants.BROTLI_PARAM_QUALITY]: 11,
  [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
  [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
};
console.log(brotliCompressSync(content, { params }).length);
