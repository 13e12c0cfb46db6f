// The editor of a campaign.
import "./autosave.js";
import "./insert.js";
import "./list_chips.js";
