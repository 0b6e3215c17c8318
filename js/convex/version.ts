/**
 * The version of the functions' interface. A client of another version may read what it
 * understands, but its writes are refused before anything is changed.
 */
export const API_VERSION = 2;
