// The script in the page's head, which runs before anything is drawn: the first thing that is drawn has the right colours and
// the right frame.
import "./frame";
import "./theme";
