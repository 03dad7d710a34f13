// Hardhat 3 over the same compiler, settings and sources as every other build; needs no network.
// The settings are those of chain/evm/solc.py and foundry.toml (tests/contracts/test_toolchain.py compares them).
import { fileURLToPath } from "node:url";

import { defineConfig } from "hardhat/config";

export default defineConfig({
  solidity: {
    version: "0.8.37",
    path: fileURLToPath(new URL("./node_modules/solc/soljson.js", import.meta.url)),
    npmFilesToBuild: ["@openzeppelin/contracts/access/manager/AccessManager.sol"],
    settings: {
      evmVersion: "paris",
      viaIR: true,
      optimizer: { enabled: true, runs: 10000 },
      metadata: { bytecodeHash: "none" },
    },
  },
  paths: {
    sources: "./src",
    tests: "./hardhat/test",
    artifacts: "./hardhat/artifacts",
    cache: "./hardhat/cache",
  },
  networks: {
    // What `hardhat node` serves. Blocks come once a second, as on the consortium, not with each transaction.
    node: {
      type: "edr-simulated",
      chainType: "l1",
      hardfork: "merge",
      chainId: 31337,
      mining: { auto: false, interval: 1000 },
      blockGasLimit: 60_000_000,
      allowUnlimitedContractSize: false,
    },
  },
});
