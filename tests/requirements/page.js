const form = document.getElementById("filters");
const rules = [...document.querySelectorAll("main details")];
const sections = [...form.section.options];
const texts = new Map(rules.map((rule) => [rule, rule.textContent.toLowerCase()]));

function filter() {
    const wanted = Object.fromEntries(new FormData(form));
    const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const option of sections) {
        option.hidden = wanted.rfc !== "" && option.value !== "" && !option.value.startsWith(wanted.rfc + " ");
    }
    if (form.section.selectedOptions[0].hidden) {
        form.section.value = "";
        wanted.section = "";
    }
    let count = 0;
    for (const rule of rules) {
        const data = rule.dataset;
        const shown =
            (!wanted.rfc || data.section.startsWith(wanted.rfc + " ")) &&
            ["section", "level", "applies", "standing", "autobahn"].every(
                (name) => !wanted[name] || data[name] === wanted[name],
            ) &&
            words.every((word) => texts.get(rule).includes(word));
        rule.hidden = !shown;
        count += shown;
    }
    for (const section of document.querySelectorAll("main section")) {
        section.hidden = !section.querySelector("details:not([hidden])");
    }
    document.getElementById("nothing").hidden = count > 0;
    form.querySelector("output").textContent = count + " of " + rules.length + " rules";
}

function open() {
    const rule = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (rule) {
        rule.open = true;
        rule.scrollIntoView();
    }
}

form.addEventListener("input", filter);
form.addEventListener("reset", () => setTimeout(filter));
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", open);
filter();
open();
