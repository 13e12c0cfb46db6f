// Runs axe on the words of a page that are not plainly legible, because comparing every word with
// what is below it takes axe longer than loading the page takes. Plainly legible are words in one
// colour on the colour of what they are in, with a contrast that suffices for small text.
async ([exclude, options]) => {
    // A change of the theme is announced before the next frame.
    await new Promise((resolve) => { requestAnimationFrame(resolve); });

    const pen = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
    const colours = new Map();
    const parsed = (text) => {
        if (!colours.has(text)) {
            pen.clearRect(0, 0, 1, 1);
            pen.fillStyle = text;
            pen.fillRect(0, 0, 1, 1);
            const [red, green, blue, alpha] = [...pen.getImageData(0, 0, 1, 1).data];
            colours.set(text, {rgb: [red, green, blue].map((value) => value / 255), alpha: alpha / 255});
        }
        return colours.get(text);
    };
    const over = ({rgb, alpha}, below) =>
        rgb.map((value, at) => value * alpha + below[at] * (1 - alpha));
    const luminance = (rgb) => rgb
        .map((value) => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
    // The colour below an element; null if it is not certainly that of what the element is in.
    const background = (element) => {
        const layers = [];
        for (let box = element; box; box = box.parentElement) {
            const style = getComputedStyle(box), colour = parsed(style.backgroundColor);
            if (style.backgroundImage !== "none" || style.opacity !== "1") return null;
            if (colour.alpha === 1) {
                return layers.reduceRight((below, one) => over(one, below), colour.rgb);
            }
            if (/absolute|fixed|sticky/.test(style.position)) return null;
            layers.push(colour);
        }
        return null;
    };
    const isLegible = (element) => {
        const {color, textShadow, textDecorationLine} = getComputedStyle(element);
        const below = background(element), colour = parsed(color);
        if (!below || textShadow !== "none") return false;
        const isLink = element.matches("a") && textDecorationLine === "none";
        if (isLink && hasWords(element.parentElement)) return false;
        const both = [luminance(over(colour, below)), luminance(below)];
        const [dark, light] = both.sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05) >= 4.6;
    };
    const hasWords = (element) => element.matches("input, select, textarea")
        || [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const include = [...document.body.querySelectorAll("*")].filter((element) =>
        element.checkVisibility() && hasWords(element) && !element.closest(exclude)
        && !isLegible(element));
    return include.length ? axe.run({include, exclude}, options) : {violations: []};
}
