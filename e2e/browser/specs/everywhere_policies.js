import { everywhere } from "../lib/everywhere.js";

everywhere("policies");
