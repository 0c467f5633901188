#include <sys/socket.h>

namespace slipway {

int Impure() { return socket(AF_INET, SOCK_STREAM, 0); }

}  // namespace slipway
