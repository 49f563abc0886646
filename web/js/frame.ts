// Which frame to draw until the app is here (styles/boot.css): the address tells what will take its place.
const path = location.pathname;
const isDoor = ["/sign-in", "/join"].some((start) => path.startsWith(start));
document.documentElement.dataset.frame = isDoor ? "door" : path.startsWith("/sessions/") ? "workspace" : "site";
export {};
