#include <fstream>
#include <string>

namespace slipway {

std::string Impure() {
  std::string line;
  std::getline(std::ifstream("rules.txt"), line);
  return line;
}

}  // namespace slipway
