// The content page.
import "./autosave.js";
import "./insert.js";
import "./preview.js";
