// The page of a draft.
import "./autosave.js";
import "./list_chips.js";
import "./subject_length.js";
