// What is cut or overlaps in a page, for tests: texts outside the page or over each other, and boxes that hide text.
async () => {
  // Charts take a new width two frames later.
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  const width = document.documentElement.clientWidth;
  const isHidden = (element) =>
    !element.checkVisibility({ opacityProperty: true }) || element.closest(".visually-hidden, .skip, select, datalist");
  const canScroll = (element) => {
    for (let each = element; each && each !== document.body; each = each.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth) return true;
    }
    return false;
  };
  // A summary shows its first line, and the rest as its title.
  const isClamped = (element, box) =>
    getComputedStyle(element).overflowY === "hidden" && box.top >= element.getBoundingClientRect().bottom - 2;
  const named = (element) => `${element.tagName.toLowerCase()}.${element.className} “${element.textContent.trim().slice(0, 40)}”`;

  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    const element = text.parentElement;
    if (!text.data.trim() || isHidden(element) || canScroll(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) if (!isClamped(element, box)) texts.push({ element, text, box });
  }
  const outside = texts.filter(({ box }) => box.left < -1 || box.right > width + 1);
  const overlapping = texts.filter(({ text, box }, index) =>
    texts.slice(index + 1).some((other) =>
      other.text !== text &&
      Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left) > 2 &&
      Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top) > 5));
  const hiding = [...document.querySelectorAll("body *")].filter((element) =>
    !isHidden(element) &&
    getComputedStyle(element).overflowX === "hidden" &&
    element.scrollWidth > element.clientWidth + 1);
  return [
    ...outside.map(({ element }) => `outside: ${named(element)}`),
    ...overlapping.map(({ element }) => `overlapping: ${named(element)}`),
    ...hiding.map((element) => `cut: ${named(element)}`),
    ...(document.documentElement.scrollWidth > width ? ["scrolls sideways"] : []),
  ];
}
