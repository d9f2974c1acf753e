import { everywhere } from "../lib/everywhere.js";

everywhere("records");
