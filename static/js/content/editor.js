// The content page. The editors of each kind of content are modules of their own.
import "../autosave.js";
import "../preview.js";
import "./insert.js";
import "./modes.js";
import "./problems.js";
