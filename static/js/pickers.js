// The pickers are loaded at their first use:
// window.pickImage({src, alt}), see media_picker.js, and window.pickMergeTag(), see merge_tag_picker.js.
import { toast } from "./toast.js";

async function loaded(load) {
  try {
    return await load();
  } catch {
    toast(document.body.dataset.serverAway, "danger");
    return null;
  }
}

if (document.getElementById("media-picker")) {
  window.pickImage = async (given) => {
    const picker = await loaded(() => import("./media_picker.js"));
    return picker && picker.pickImage(given);
  };
}
if (document.getElementById("merge-tag-dialog")) {
  window.pickMergeTag = async () => {
    const picker = await loaded(() => import("./merge_tag_picker.js"));
    return picker && picker.pickMergeTag();
  };
}
